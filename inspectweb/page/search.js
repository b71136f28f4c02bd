import {$, put, num, plural, ask} from './dom.js';
import * as tree from './tree.js';

let text = '', result = null, asked = null;

export async function run(t) {
  if (t === text && result) return;
  text = t;
  result = null;
  if (asked) asked.abort();
  asked = new AbortController();
  put($('found-note'), 'Looking…');
  try {
    result = await ask('search?q=' + encodeURIComponent(text), asked.signal);
  } catch (e) {
    if (e.name !== 'AbortError') put($('found-note'), e.status ? e.message : 'No answer.');
    return;
  }
  draw();
}

export function restart() { result = null; }

// show goes on with what was found: what is open in it is kept up to date.
export async function show() {
  if (!result) return;
  try {
    await tree.ownersNow();
  } catch {
    return;
  }
  draw();
}

tree.onChange(show);

function draw() {
  if (!result) return;
  put($('found-note'), (result.found.length ? plural(result.found.length, 'owner') : 'Nothing') + ` of ${num(result.looked)} looked at` + (result.more ? '; there may be more' : ''));
  const rows = [];
  for (const f of result.found) {
    const why = f.why === 'name' ? '' : f.why + (f.what ? ' ' + f.what : '');
    for (const r of tree.owner({...f, path: f.owner, made: f.func || f.made, extra: why}, 0, 'found')) rows.push(r);
  }
  tree.render($('found'), rows);
}
