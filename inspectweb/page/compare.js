import {$, el, put, each, num, bytes, span, clock, plural, place, ask} from './dom.js';
import {what} from './now.js';

// The mark outlives a reload, as long as the program does.
let marked = null;
try { marked = JSON.parse(sessionStorage.getItem('tether mark')); } catch { /* none */ }

const id = g => [g.owner, g.kind, g.what, g.func && g.func.full].join('|');

export async function mark() {
  marked = await ask('groups');
  try { sessionStorage.setItem('tether mark', JSON.stringify(marked)); } catch { /* it is kept until a reload */ }
}

export function restart() { marked = null; }

let asking = false;

export async function show(state) {
  if (marked && marked.boot !== state.hello.boot) marked = null;
  if (!marked) {
    put($('mark-note'), '');
    each($('changes'), [0], () => 'none', () => el('div', {class: 'empty'}, el('p', {}, 'There is no mark.'),
      el('p', {class: 'dim'}, 'Press Mark, or m. Then have the program do what you suspect: connect and leave, open and close. What stays shows here, with its line.')));
    return;
  }
  if (asking) return;
  asking = true;
  try {
    draw(await ask('groups'), state);
  } catch { /* the next look */ }
  asking = false;
}

function draw(now, state) {
  put($('mark-note'), `of ${clock(marked.now[0])}, ${span(now.now[0] - marked.now[0])} ago`);
  const before = new Map(marked.groups.map(g => [id(g), g])), rows = [];
  for (const [n, name] of state.hello.names.entries()) {
    if (!n) continue;
    rows.push({key: name, name, was: marked.now[n], is: now.now[n], show: name === 'heap' ? bytes : num, number: true});
  }
  const changes = [];
  for (const g of now.groups) {
    const was = before.get(id(g));
    before.delete(id(g));
    changes.push({key: 'g' + id(g), g, was: was ? was.count : 0, is: g.count, show: num});
  }
  for (const [k, g] of before) changes.push({key: 'g' + k, g, was: g.count, is: 0, show: num});
  const changed = changes.filter(c => c.was !== c.is).sort((a, b) => Math.abs(b.is - b.was) - Math.abs(a.is - a.was) || (a.key < b.key ? -1 : 1)).slice(0, 100);
  if (!changed.length) changed.push({key: 'same'});
  each($('changes'), [{key: 'numbers', rows}, {key: 'groups', rows: changed}], p => p.key, p => el('div', {class: 'diff', id: 'diff-' + p.key}), (e, p) => {
    each(e, p.rows, r => r.key, make, update);
  });
}

function make(r) {
  if (r.key === 'same') return el('p', {class: 'dim'}, 'There is as much of everything as there was.');
  return el('div', {class: 'change'}, el('span', {class: 'delta'}), el('span', {class: 'was dim'}),
    r.number ? el('span', {class: 'what'}, r.name) : el('span', {class: 'what'}, el('b', {}, what(r.g)), r.g.owner ? el('span', {class: 'dim'}, ' of ' + r.g.owner) : null),
    r.number ? el('span') : place(r.g.func));
}

function update(e, r) {
  if (r.key === 'same') return;
  const d = r.is - r.was;
  e.dataset.sign = Math.sign(d);
  put(e.querySelector('.delta'), d ? (d > 0 ? '+' : '−') + r.show(Math.abs(d)) : '=');
  put(e.querySelector('.was'), r.show(r.was) + ' → ' + r.show(r.is));
}
