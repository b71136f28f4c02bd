import {$, el, svg, put, attr, each, num, bytes, span, plural, place} from './dom.js';
import * as trouble from './trouble.js';

// The numbers, in the order of the tiles; n is the place in a sample.
const tiles = [
  {n: 1, label: 'Owners'}, {n: 2, label: 'Connections'}, {n: 3, label: 'Goroutines owned'}, {n: 4, label: 'Timers'}, {n: 5, label: 'Cleanups'},
  {n: 6, label: 'Handlers running', flat: true}, {n: 7, label: 'Queued'}, {n: 8, label: 'Dropped', total: true}, {n: 9, label: 'Heap', show: bytes},
  {n: 10, label: 'Goroutines, all'},
];

const W = 120, H = 34;

function make(t) {
  const line = svg('path', {class: 'line', fill: 'none'}), area = svg('path', {class: 'area'});
  const chart = svg('svg', {viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: 'none', 'aria-hidden': 'true'});
  chart.append(area, line);
  const e = el('div', {class: 'tile'}, el('span', {class: 'label'}, t.label), el('span', {class: 'value'}), el('span', {class: 'trend'}), chart);
  Object.assign(e, {line, area});
  return e;
}

// grows says whether the low points of the last minutes rise: of three parts, each lies higher
// than all of the one before. A saw, as of a heap, has to rise as a whole.
export function grows(values) {
  if (values.length < 12) return false;
  const third = Math.floor(values.length / 3);
  const lows = [0, 1, 2].map(i => Math.min(...values.slice(values.length - (3 - i) * third, values.length - (2 - i) * third)));
  return lows[0] < lows[1] && lows[1] < lows[2] && lows[2] > lows[0] * 1.02 + 1;
}

function update(e, t, history) {
  const values = history.map(s => s[t.n]), last = values.at(-1);
  const text = (t.show || num)(last);
  put(e.querySelector('.value'), text);
  const recent = history.slice(-60), from = recent[0], to = recent.at(-1), ms = to[0] - from[0];
  const delta = last - from[t.n];
  const up = !t.flat && !t.total && grows(recent.map(s => s[t.n])) || t.total && delta > 0;
  attr(e, 'data-grows', up ? '' : null);
  const sign = delta > 0 ? '+' : '−';
  put(e.querySelector('.trend'), !ms || !delta ? '' : (up ? '▲ ' : '') + sign + (t.show || num)(Math.abs(delta)) + ' in ' + span(ms));
  attr(e, 'title', `${t.label}: ${num(last)}; least ${num(Math.min(...values))} and most ${num(Math.max(...values))} in ${span(to[0] - history[0][0])}`);
  const start = history[0][0], width = Math.max(1, to[0] - start);
  let low = Math.min(...values), high = Math.max(...values);
  if (high - low < high * 0.05) { // a flutter is not a wave
    low -= high * 0.05;
    high += high * 0.05;
  }
  if (high === low) high++;
  const points = history.map((s, i) => [(s[0] - start) / width * W, H - 2 - (values[i] - low) / (high - low) * (H - 4)]);
  if (points.length === 1) points.unshift([0, points[0][1]]), points[1][0] = W;
  const d = points.map((p, i) => (i ? 'L' : 'M') + p[0].toFixed(1) + ' ' + p[1].toFixed(1)).join('');
  attr(e.line, 'd', d);
  attr(e.area, 'd', d + `L${W} ${H}L0 ${H}Z`);
}

export function show(state) {
  if (!state.history.length) return;
  each($('tiles'), tiles, t => t.n, make, (e, t) => update(e, t, state.history));
  const first = state.look.trouble.slice(0, 6);
  const lines = first.map(t => ({key: t.key, t}));
  if (state.look.trouble.length > first.length) lines.push({key: 'more', more: state.look.trouble.length - first.length});
  if (!lines.length) lines.push({key: 'none'});
  each($('first'), lines, l => l.key, l => l.t ? trouble.line(l.t) : el('p', {class: 'dim'}), (e, l) => {
    if (l.t) trouble.updateLine(e, l.t, state);
    else if (l.more) e.replaceChildren(el('a', {href: '#trouble'}, 'and ' + l.more + ' more'));
    else put(e, 'None. Nobody is stuck, no queue is full, no owner was lost, and nothing has only grown since this page was opened.');
  });
  const groups = state.look.groups.length ? state.look.groups : [null];
  each($('groups'), groups, g => g ? [g.owner, g.kind, g.what, g.func && g.func.full].join('|') : '', g => {
    if (!g) return el('p', {class: 'dim'}, 'There are no owners that hold anything twice.');
    return el('div', {class: 'group'}, el('span', {class: 'n'}), el('span', {class: 'what'}, el('b', {}, what(g)), g.owner ? el('span', {class: 'dim'}, ' of ' + g.owner) : null), place(g.func));
  }, (e, g) => {
    if (!g) return;
    put(e.querySelector('.n'), num(g.count));
    attr(e, 'data-grows', g.grown > 0 ? '' : null);
    attr(e, 'title', g.grown > 0 ? plural(g.grown, 'more') + ' since it last got less' : null);
  });
}

export const what = g => g.kind === 'child' ? g.what : g.kind + (g.what ? ' ' + g.what : '');
