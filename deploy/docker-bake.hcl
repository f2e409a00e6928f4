# Hydrometer's image for two processors, with what is in it and how it was made attached (SBOM, provenance). From the top of the checkout:
#
#   REPOSITORY=registry.example.com/hydrometer docker buildx bake -f deploy/docker-bake.hcl --push
#
# Before a release: make pin-images (base images by digest), and make sbom (what the Python environment holds, with licences).

variable "REPOSITORY" {
  default = "hydrometer"
}

variable "VERSION" {
  default = "0.2.0"
}

group "default" {
  targets = ["hydrometer"]
}

target "hydrometer" {
  context    = "."
  dockerfile = "deploy/Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  tags       = ["${REPOSITORY}:${VERSION}"]
  attest     = ["type=sbom", "type=provenance,mode=max"]
  labels = {
    "org.opencontainers.image.title"    = "Hydrometer"
    "org.opencontainers.image.version"  = VERSION
    "org.opencontainers.image.licenses" = "Apache-2.0"
  }
}
