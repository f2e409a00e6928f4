"""What detectors share: the learning gate, declared bounds, trees as arrays, and the contract every detector passes."""
