// One board as a page. `window.PREVIEW` holds the generated JSON, the answers to its queries and what people would have chosen.
import { createRoot } from 'react-dom/client';
import { createTheme, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import { DRAWINGS } from './drawings.jsx';

const CELL = 30;
const GAP = 8;

function Head({ board, chosen, from, to }) {
  const day = (value) => new Date(value).toISOString().slice(0, 16).replace('T', ' ');
  const pill = { border: '1px solid rgba(204,204,220,.2)', borderRadius: 2, padding: '5px 10px', background: '#181b1f' };
  return (
    <header style={{ display: 'flex', gap: 8, alignItems: 'center', padding: '12px 16px 4px', fontSize: 13 }}>
      <b style={{ fontSize: 18, marginRight: 12 }}>{board.title}</b>
      {board.templating.list.map(({ name, label }) => (
        <span key={name} style={pill}><span style={{ color: '#9a9aa5', marginRight: 8 }}>{label}</span>{chosen[name]}</span>
      ))}
      <span style={{ flex: 1 }} />
      <span style={{ color: '#9a9aa5' }}>a preview, not Grafana itself</span>
      <span style={pill}>{day(from)} to {day(to)} UTC</span>
    </header>
  );
}

function Panel({ panel, place, theme, data }) {
  const { Draw, substitute } = DRAWINGS[panel.type];
  const mark = substitute ? <span key="mark" style={{ color: '#6e6e78', fontSize: 11 }}>substitute drawing</span> : null;
  return (
    <div style={{ position: 'absolute', ...place }}>
      <PanelChrome title={panel.title} width={place.width} height={place.height} titleItems={mark}>
        {(width, height) => (
          <Draw panel={panel} answers={data.answers[panel.id] ?? {}} theme={theme} range={data.range} notes={data.notes} width={width} height={height} />
        )}
      </PanelChrome>
    </div>
  );
}

function Page({ board, data, theme, width }) {
  const column = (width - 2 * GAP + GAP) / 24;
  const place = ({ x, y, w, h }) => ({ left: GAP + x * column, top: y * (CELL + GAP), width: w * column - GAP, height: h * (CELL + GAP) - GAP });
  const bottom = Math.max(...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return (
    <div style={{ position: 'relative', width, height: bottom * (CELL + GAP) + GAP }}>
      {board.panels.map((panel) =>
        panel.type === 'row' ? (
          <div key={panel.id} style={{ position: 'absolute', ...place(panel.gridPos), display: 'flex', alignItems: 'center', fontWeight: 500 }}>
            <span style={{ color: '#9a9aa5', width: 20 }}>{panel.collapsed ? '›' : '⌄'}</span>
            {panel.title}
            {panel.collapsed && <span style={{ color: '#6e6e78', marginLeft: 8, fontWeight: 400 }}>({panel.panels.length} panels)</span>}
          </div>
        ) : (
          <Panel key={panel.id} panel={panel} place={place(panel.gridPos)} theme={theme} data={data} />
        )
      )}
    </div>
  );
}

const { board, answers, notes, chosen, from, to, width } = window.PREVIEW;
const theme = createTheme({ colors: { mode: 'dark' } });
const moment = (value) => ({ valueOf: () => value });
const range = { from: moment(from), to: moment(to), raw: { from: '', to: '' } };
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <Head board={board} chosen={chosen} from={from} to={to} />
    <Page board={board} data={{ answers, notes, range }} theme={theme} width={width} />
  </ThemeContext.Provider>
);
