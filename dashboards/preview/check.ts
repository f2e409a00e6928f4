// Every generated board against Grafana's own types (`make types-of-boards`): tsc says where one does not fit.
import type { AnnotationQuery, Dashboard, DataQuery, Panel, RowPanel, VariableModel } from '@grafana/schema';

/** A type as JSON writes it: enums are their words, and a query holds what its data source likes. */
type Json<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Item>
      ? Array<Json<Item>>
      : T extends DataQuery
        ? DataQuery & Record<string, unknown>
        : T extends object
          ? { [Key in keyof T]: Json<T[Key]> }
          : T;

export type Classic = Json<Omit<Dashboard, 'panels' | 'templating' | 'annotations'>> & {
  panels: Array<Json<Panel> | (Json<Omit<RowPanel, 'panels'>> & { panels: Array<Json<Panel>> })>;
  templating: { list: Array<Json<VariableModel>> };
  annotations: { list: Array<Json<AnnotationQuery>> };
};
