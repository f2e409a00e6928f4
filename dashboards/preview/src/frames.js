// From a query's answer to the data frames that Grafana would make of it: the same shapes, the same names.
import { createDataFrame, FieldType, getDisplayProcessor, getFieldDisplayName } from '@grafana/data';

const TYPES = { time: FieldType.time, number: FieldType.number, text: FieldType.string, boolean: FieldType.boolean };

/** A table: one field a column. answer: {columns: [{name, type}], rows}. */
export function table(answer) {
  const fields = answer.columns.map(({ name, type }, place) => ({
    name,
    type: TYPES[type],
    config: {},
    values: answer.rows.map((row) => row[place]),
  }));
  return createDataFrame({ fields });
}

/** A time series: the first time column, and a number field for each label (long to wide), as the data source does for format 0. */
export function series(answer) {
  const time = answer.columns.findIndex(({ type }) => type === 'time');
  const labels = answer.columns.flatMap(({ type }, place) => (type === 'text' ? [place] : []));
  const numbers = answer.columns.flatMap(({ type }, place) => (type === 'number' ? [place] : []));
  if (time < 0) {
    return createDataFrame({ fields: [] });
  }
  const moments = [...new Set(answer.rows.map((row) => row[time]))].sort((a, b) => a - b);
  const at = new Map(moments.map((moment, place) => [moment, place]));
  const found = new Map();
  for (const row of answer.rows) {
    const named = labels.map((place) => row[place]);
    for (const place of numbers) {
      const key = JSON.stringify([place, named]);
      if (!found.has(key)) {
        const own = labels.length ? Object.fromEntries(labels.map((each, n) => [answer.columns[each].name, named[n]])) : undefined;
        found.set(key, { name: answer.columns[place].name, type: FieldType.number, labels: own, config: {}, values: moments.map(() => null) });
      }
      found.get(key).values[at.get(row[time])] = row[place];
    }
  }
  return createDataFrame({ fields: [{ name: 'time', type: FieldType.time, config: {}, values: moments }, ...found.values()] });
}

/** Put a panel's field configuration on its frames: defaults first, then the overrides whose column has that name. */
export function configured(frames, fieldConfig, theme, timeZone) {
  for (const frame of frames) {
    frame.fields.forEach((field, place) => {
      const name = getFieldDisplayName(field, frame, frames);
      const { custom, ...plain } = structuredClone(fieldConfig.defaults);
      field.config = { ...(field.type === FieldType.time ? {} : plain), custom: custom ?? {} };
      for (const { matcher, properties } of fieldConfig.overrides) {
        if (matcher.id === 'byRegexp' || (matcher.id === 'byType' && matcher.options === field.type) || matcher.options === field.name || matcher.options === name) {
          properties.forEach(({ id, value }) => put(field.config, id, value));
        }
      }
      const called = field.config.displayName?.replace(/\$\{__field\.labels\.(\w+)\}/g, (_, label) => field.labels?.[label] ?? '');
      field.state = { ...field.state, seriesIndex: place - 1, displayName: called ?? name };
      if (field.type === FieldType.string) {
        delete field.config.unit;
      }
      if (field.type === FieldType.time && field.config.unit === undefined) {
        field.config.unit = 'time: YYYY-MM-DD HH:mm:ss';
      }
      field.display = getDisplayProcessor({ field, theme, timeZone });
      field.getLinks = () => (field.config.links ?? []).map((link) => ({ href: link.url, title: link.title, target: '_self', origin: field }));
    });
  }
  return frames;
}

function put(config, id, value) {
  const [head, ...rest] = id.split('.');
  if (head === 'custom') {
    config.custom = { ...config.custom, [rest.join('.')]: value };
  } else {
    config[id] = value;
  }
}
