// Grafana's own components where they are public, small substitutes (marked `substitute`) for what it keeps in its core.
import { FieldType, getFieldColorModeForField, getFieldDisplayName, reduceField } from '@grafana/data';
import { BigValue, TimeSeries } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { configured, series, table } from './frames.js';

const MUTED = '#9a9aa5';
const LINE = 'rgba(204, 204, 220, 0.12)';

/** What draws a panel of each type, and whether it is a substitute. */
export const DRAWINGS = {
  timeseries: { Draw: Trend },
  stat: { Draw: Stat },
  table: { Draw: Listing },
  heatmap: { Draw: Heat, substitute: true },
  barchart: { Draw: Bars, substitute: true },
  'state-timeline': { Draw: States, substitute: true },
  text: { Draw: Words },
};

function Nothing({ panel }) {
  return <div style={{ display: 'grid', placeItems: 'center', height: '100%', color: MUTED }}>{panel.fieldConfig?.defaults.noValue ?? 'No data'}</div>;
}

function frames(panel, answers, theme, shape) {
  const made = panel.targets.map(({ refId }) => shape(answers[refId])).filter((frame) => frame.length > 0);
  return configured(made, panel.fieldConfig, theme, 'utc');
}

function Trend({ panel, answers, theme, range, notes, width, height }) {
  const data = frames(panel, answers, theme, series);
  if (!data.length) {
    return <Nothing panel={panel} />;
  }
  const first = data[0].fields[0].values;
  // a panel may show another time than the board's, such as when accounts were created
  const own = first[first.length - 1] < range.from.valueOf() ? { ...range, from: moment(first[0]), to: range.to } : range;
  return (
    <TimeSeries frames={data} timeRange={own} timeZone="utc" width={width} height={height} legend={panel.options.legend}>
      {(config) => {
        config.addHook('draw', (plot) => lines(plot, notes));
        return null;
      }}
    </TimeSeries>
  );
}

function moment(value) {
  return { valueOf: () => value };
}

function lines(plot, notes) {
  const { ctx, bbox } = plot;
  for (const { time, color } of notes) {
    const x = plot.valToPos(time, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) {
      continue;
    }
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color;
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + bbox.height - 6);
    ctx.lineTo(x - 5, bbox.top + bbox.height + 3);
    ctx.lineTo(x + 5, bbox.top + bbox.height + 3);
    ctx.fill();
    ctx.restore();
  }
}

function Stat({ panel, answers, theme, width, height }) {
  const [frame] = frames(panel, answers, theme, table);
  if (!frame) {
    return <Nothing panel={panel} />;
  }
  const fields = frame.fields.filter((field) => panel.options.reduceOptions.fields || field.type === FieldType.number);
  const each = width / fields.length;
  return (
    <div style={{ display: 'flex', gap: 8 }}>
      {fields.map((field) => {
        const value = field.display(reduceField({ field, reducers: ['lastNotNull'] }).lastNotNull);
        const title = fields.length > 1 ? getFieldDisplayName(field, frame) : undefined;
        const shown = { ...value, title, color: value.color === 'text' ? theme.colors.text.primary : value.color };
        return <BigValue key={field.name} value={shown} theme={theme} width={each - 8} height={height} colorMode={panel.options.colorMode} justifyMode="auto" graphMode="none" />;
      })}
    </div>
  );
}

function Listing({ panel, answers, theme, width, height }) {
  const [frame] = frames(panel, answers, theme, table);
  if (!frame) {
    return <Nothing panel={panel} />;
  }
  frame.fields = frame.fields.filter((field) => !field.config.custom?.hidden);
  return <TableNG data={frame} width={width} height={height} cellHeight={panel.options.cellHeight} noHeader={!panel.options.showHeader} columnMinWidth={70} enableVirtualization={false} />;
}

/** Cells by time and bucket; darker is more. */
function Heat({ panel, answers, theme, range, width, height }) {
  const [frame] = frames(panel, answers, theme, series);
  if (!frame) {
    return <Nothing panel={panel} />;
  }
  const [time, ...buckets] = frame.fields;
  const left = 46;
  const bottom = 20;
  const step = time.values.length > 1 ? Math.min(...time.values.slice(1).map((each, n) => each - time.values[n])) : 3600e3;
  const from = Math.min(range.from.valueOf(), time.values[0]);
  const span = Math.max(range.to.valueOf(), time.values[time.values.length - 1] + step) - from;
  const wide = ((width - left) * step) / span;
  const high = (height - bottom) / buckets.length;
  const most = Math.max(...buckets.flatMap((bucket) => bucket.values));
  const hue = panel.options.color.scheme === 'Blues' ? [87, 148, 242] : [255, 152, 48];
  return (
    <svg width={width} height={height} style={{ fontSize: 11, fill: MUTED }}>
      {buckets.map((bucket, row) => {
        const y = (buckets.length - 1 - row) * high;
        return (
          <g key={bucket.name}>
            {(buckets.length < 14 || row % 3 === 0) && <text x={left - 6} y={y + high / 2 + 4} textAnchor="end">{bucket.name}</text>}
            {bucket.values.map((value, n) => {
              const share = (value / most) ** panel.options.color.exponent;
              const x = left + ((time.values[n] - from) / span) * (width - left);
              return value > 0 && <rect key={n} x={x} y={y + 0.5} width={Math.max(1.5, wide - 0.5)} height={high - 1} fill={`rgb(${hue.join(',')})`} opacity={0.2 + 0.8 * share} />;
            })}
          </g>
        );
      })}
      <Axis from={from} span={span} left={left} width={width} y={height - 4} />
    </svg>
  );
}

function Axis({ from, span, left, width, y }) {
  const steps = [1, 2, 6, 12, 24, 48].map((hours) => hours * 3600e3);
  const step = steps.find((each) => span / each <= 6) ?? span / 6;
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at < from + span; at += step) {
    ticks.push(at);
  }
  return ticks.map((at) => (
    <text key={at} x={left + ((at - from) / span) * (width - left)} y={y} textAnchor="middle">
      {new Date(at).toISOString().slice(step >= 86400e3 ? 5 : 11, step >= 86400e3 ? 10 : 16)}
    </text>
  ));
}

function colorOf(field, theme) {
  return getFieldColorModeForField(field).getCalculator(field, theme)(0, 0);
}

/** Bars by name, stacked or side by side. */
function Bars({ panel, answers, theme, width, height }) {
  const [frame] = frames(panel, answers, theme, table);
  if (!frame) {
    return <Nothing panel={panel} />;
  }
  const [names, ...all] = frame.fields;
  const parts = all.filter((field) => field.type === FieldType.number);
  const { stacking, orientation, legend } = panel.options;
  const flat = orientation === 'horizontal';
  const stacked = stacking === 'normal';
  const totals = names.values.map((_, n) => (stacked ? parts.reduce((sum, part) => sum + part.values[n], 0) : Math.max(...parts.map((part) => part.values[n]))));
  // what is below zero is stacked on the other side of it, as Grafana does
  const ends = names.values.map((_, n) => parts.map((part) => part.values[n])).map((values) => (stacked ? [values.filter((one) => one < 0).reduce((sum, one) => sum + one, 0), values.filter((one) => one > 0).reduce((sum, one) => sum + one, 0)] : [Math.min(...values, 0), Math.max(...values)]));
  const least = Math.min(...ends.map(([low]) => low), 0);
  const most = Math.max(...ends.map(([, high]) => high), 1e-9) - least;
  const room = legend.showLegend ? 26 : 0;
  const margin = flat ? { left: 178, right: 64, bottom: room } : { left: 46, right: 8, bottom: room + 18 };
  const along = flat ? width - margin.left - margin.right : height - margin.bottom - 8;
  const lane = (flat ? height - margin.bottom : width - margin.left - margin.right) / names.values.length;
  const thick = Math.min(lane * 0.8, 34);
  return (
    <div style={{ position: 'relative', width, height }}>
      <svg width={width} height={height - room} style={{ fontSize: 11, fill: MUTED }}>
        {!flat && [0, 0.5, 1].map((share) => (
          <g key={share}>
            <line x1={margin.left} x2={width} y1={8 + along * (1 - share)} y2={8 + along * (1 - share)} stroke={LINE} />
            <text x={margin.left - 6} y={12 + along * (1 - share)} textAnchor="end">{label(parts[0].display(most * share))}</text>
          </g>
        ))}
        {names.values.map((name, n) => {
          const zero = (-least / most) * along;
          let [below, above] = [zero, zero];
          const start = n * lane + (lane - thick) / 2;
          return (
            <g key={n}>
              {flat && <text x={margin.left - 8} y={start + thick / 2 + 4} textAnchor="end" fill={theme.colors.text.primary}>{String(name).slice(0, 26)}</text>}
              {parts.map((part, m) => {
                const length = (Math.abs(part.values[n]) / most) * along;
                const width = stacked ? thick : thick / parts.length;
                const offset = stacked ? 0 : m * width;
                const negative = part.values[n] < 0;
                const at = negative ? below - length : above;
                above += stacked && !negative ? length : 0;
                below -= stacked && negative ? length : 0;
                return flat
                  ? <rect key={m} x={margin.left + at} y={start + offset} width={length} height={width} fill={colorOf(part, theme)} />
                  : <rect key={m} x={margin.left + start + offset} y={8 + along - at - length} width={width} height={length} fill={colorOf(part, theme)} />;
              })}
              {flat && <text x={margin.left + zero + (ends[n][1] / most) * along + 6} y={start + thick / 2 + 4}>{label(parts[0].display(totals[n]))}</text>}
              {!flat && (names.values.length < 14 || n % Math.ceil(names.values.length / 12) === 0) && <text x={margin.left + start + thick / 2} y={height - room - 4} textAnchor="middle">{name}</text>}
            </g>
          );
        })}
      </svg>
      {legend.showLegend && <Legend items={parts.map((part) => [part.state.displayName, colorOf(part, theme)])} />}
    </div>
  );
}

function label({ text, suffix }) {
  return `${text}${suffix ?? ''}`;
}

function Legend({ items }) {
  return (
    <div style={{ display: 'flex', gap: 14, flexWrap: 'wrap', fontSize: 12, color: MUTED }}>
      {items.map(([name, color]) => (
        <span key={name}><span style={{ display: 'inline-block', width: 14, height: 4, borderRadius: 2, background: color, marginRight: 6, verticalAlign: 'middle' }} />{name}</span>
      ))}
    </div>
  );
}

/** A lane for each label, coloured by the value that holds until the next one. */
function States({ panel, answers, theme, range, width, height }) {
  const [frame] = frames(panel, answers, theme, series);
  if (!frame) {
    return <Nothing panel={panel} />;
  }
  const [time, ...lanes] = frame.fields;
  const left = 190;
  const from = range.from.valueOf();
  const span = range.to.valueOf() - from;
  const high = Math.min(34, (height - 20) / lanes.length);
  const at = (value) => left + ((value - from) / span) * (width - left);
  return (
    <svg width={width} height={height} style={{ fontSize: 11, fill: MUTED }}>
      {lanes.map((lane, row) => {
        const known = lane.values.flatMap((value, n) => (value === null ? [] : [[time.values[n], value]]));
        return (
          <g key={row}>
            <text x={left - 8} y={(row + 0.5) * high + 4} textAnchor="end" fill={theme.colors.text.primary}>{lane.state.displayName.slice(0, 28)}</text>
            {known.map(([moment, value], n) => {
              const end = n + 1 < known.length ? known[n + 1][0] : range.to.valueOf();
              const shown = lane.display(value);
              const wide = at(end) - at(moment);
              return (
                <g key={n}>
                  <rect x={at(moment)} y={row * high + 2} width={Math.max(1, wide - 0.5)} height={high - 4} fill={shown.color} opacity={0.75} />
                  {wide > 36 && high > 13 && <text x={at(moment) + 4} y={(row + 0.5) * high + 4} fill="#111217" fontWeight="500">{shown.text}</text>}
                </g>
              );
            })}
          </g>
        );
      })}
      <Axis from={from} span={span} left={left} width={width} y={height - 4} />
    </svg>
  );
}

function Words({ panel }) {
  return <div style={{ whiteSpace: 'pre-wrap', padding: 8 }}>{panel.options.content}</div>;
}
