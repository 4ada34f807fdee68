/** The chart page: puts the parts together and takes what is done by hand. */

import './style.css';

import { Chart } from './chart';
import { Clock } from './clock';
import { List } from './list';
import { Market } from './market';
import { INTERVALS, type Interval } from './time';
import { element, legend, Link } from './view';

const search = element<HTMLInputElement>('search');
const showsRegimes = element<HTMLInputElement>('regimes');

const clock = new Clock(element('now'), element('session'), element('pace'));
const list = new List(element('list'), element('list-empty'), element('count'), (symbol) => choose(symbol), () => market.wantSoon());
const chart = new Chart(element('chart'), {
  wantsOlder: () => void market.loadOlder(),
  points: (bar, regime) => legend(bar, market.interval, regime),
  seesNewest: (sees) => (element('to-live').hidden = sees),
});
const market: Market = new Market({ clock, list, chart, link: new Link() });

function choose(symbol: string, interval: Interval = market.interval): void {
  openList(false);
  market.choose(symbol, interval);
  history.replaceState(null, '', `#${encodeURIComponent(symbol)}/${interval}`);
  showInterval();
}

function showInterval(): void {
  for (const button of element('intervals').children) button.setAttribute('aria-pressed', String(button.textContent === market.interval));
  element('regimes-label').hidden = !market.canShowRegimes;
}

/** Stock and interval as the address names them. */
function address(): { symbol: string; interval: Interval } {
  const [name = '', wanted] = location.hash.slice(1).split('/');
  const interval = INTERVALS.find((known) => known === wanted) ?? '1m';
  try {
    return { symbol: decodeURIComponent(name), interval };
  } catch {
    return { symbol: '', interval };
  }
}

/** On a narrow screen the list lies over the chart. */
function openList(open: boolean): void {
  document.body.classList.toggle('list-open', open);
  element('open-list').setAttribute('aria-expanded', String(open));
  if (!open) return;
  search.focus();
  list.select(market.symbol);
}

function clearSearch(): void {
  search.value = '';
  list.search('');
  search.blur();
}

const STEPS: Record<string, number> = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 };
const KEYS: Record<string, () => void> = {
  '/': () => {
    openList(true);
    search.focus();
    search.select();
  },
  ArrowLeft: () => chart.scroll(-0.25),
  ArrowRight: () => chart.scroll(0.25),
  '+': () => chart.zoom(1.25),
  '=': () => chart.zoom(1.25),
  '-': () => chart.zoom(0.8),
  End: () => chart.toNewest(),
  r: () => showsRegimes.click(),
};
INTERVALS.forEach((interval, at) => (KEYS[at + 1] = () => choose(market.symbol, interval)));
const SEARCH_KEYS: Record<string, () => void> = {
  Enter: () => {
    const found = list.neighbour(0);
    if (found) choose(found);
    search.blur();
  },
};

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target === search;
  const step = STEPS[event.key];
  const act = (isTyping ? SEARCH_KEYS : KEYS)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (step !== undefined) {
    const next = list.neighbour(step);
    if (next) choose(next);
  } else if (event.key === 'Escape') {
    if (isTyping) clearSearch();
    openList(false);
  } else if (act) act();
  else return;
  event.preventDefault();
}

for (const interval of INTERVALS) {
  const button = Object.assign(document.createElement('button'), { type: 'button', textContent: interval });
  button.addEventListener('click', () => choose(market.symbol, interval));
  element('intervals').append(button);
}
search.addEventListener('input', () => list.search(search.value));
showsRegimes.addEventListener('change', () => {
  market.wantsRegimes = showsRegimes.checked;
  market.renewRegimes();
});
element('open-list').addEventListener('click', () => openList(true));
element('close-list').addEventListener('click', () => openList(false));
element('to-live').addEventListener('click', () => chart.toNewest());
element('retry').addEventListener('click', () => market.connect());
addEventListener('keydown', onKey);
addEventListener('hashchange', () => {
  const { symbol, interval } = address();
  if (market.has(symbol)) choose(symbol, interval);
});
Object.assign(market, address());
showInterval();
market.connect();
