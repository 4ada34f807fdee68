/** The list of stocks: any number of them, of which only those in view are in the document. */

import type { Ticker } from './api';
import { change, price, tone } from './format';

const ROW_HEIGHT = 46;
/** Rows kept above and below the ones in view. */
const MARGIN = 4;

/** A stock as the list shows it. */
export interface Stock extends Ticker {
  /** What the change is measured against, in currency units. */
  previousClose: number | null;
  /** What a search looks at, in lower case. */
  words: string;
}

export class List {
  private stocks: Stock[] = [];
  private found: Stock[] = [];
  private rows = new Map<number, HTMLElement>();
  private selected = '';
  private query = '';
  private isDirty = false;
  private readonly inner: HTMLElement;

  constructor(
    private readonly box: HTMLElement,
    private readonly empty: HTMLElement,
    private readonly count: HTMLElement,
    private readonly choose: (symbol: string) => void,
    private readonly moved: () => void,
  ) {
    this.inner = box.querySelector<HTMLElement>('.rows')!;
    box.addEventListener('scroll', () => {
      this.draw();
      this.moved();
    });
    box.addEventListener('click', (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>('[data-symbol]');
      if (row) this.choose(row.dataset.symbol!);
    });
    new ResizeObserver(() => {
      this.draw();
      this.moved();
    }).observe(box);
  }

  setStocks(stocks: Stock[]): void {
    this.stocks = stocks;
    this.search(this.query);
  }

  /** Shows the stocks whose symbol begins with the words first, then those that have them anywhere. */
  search(query: string): void {
    this.query = query;
    const words = query.trim().toLowerCase();
    const begins = (stock: Stock) => (stock.symbol.toLowerCase().startsWith(words) ? 0 : 1);
    this.found = words ? this.stocks.filter((stock) => stock.words.includes(words)).sort((a, b) => begins(a) - begins(b)) : this.stocks;
    this.inner.style.height = `${this.found.length * ROW_HEIGHT}px`;
    this.empty.hidden = this.found.length > 0;
    this.empty.textContent = words ? `No stock matches “${query.trim()}”.` : 'The market has no stocks yet.';
    const all = this.stocks.length.toLocaleString('en');
    this.count.textContent = words ? `${this.found.length.toLocaleString('en')} of ${all} stocks` : `${all} stocks`;
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.draw();
    this.moved();
  }

  /** Marks the chosen stock and brings it into view. */
  select(symbol: string): void {
    this.selected = symbol;
    const at = this.found.findIndex((stock) => stock.symbol === symbol);
    if (at >= 0) {
      const top = at * ROW_HEIGHT;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      const least = top + ROW_HEIGHT - this.box.clientHeight;
      if (this.box.clientHeight > 0 && least > this.box.scrollTop) this.box.scrollTop = least;
    }
    this.draw();
  }

  /** The stock so many rows from the chosen one; the first when that one is not in the list. */
  neighbour(step: number): string | undefined {
    const at = this.found.findIndex((stock) => stock.symbol === this.selected);
    const to = at < 0 ? 0 : Math.min(Math.max(at + step, 0), this.found.length - 1);
    return this.found[to]?.symbol;
  }

  /** Symbols in view. */
  visible(): string[] {
    const [from, to] = this.window(0);
    return this.found.slice(from, to).map((stock) => stock.symbol);
  }

  /** A price has changed: the rows are drawn anew with the next frame. */
  touch(): void {
    if (this.isDirty) return;
    this.isDirty = true;
    requestAnimationFrame(() => this.draw());
  }

  private window(margin: number): [number, number] {
    if (this.box.clientHeight === 0) return [0, 0];
    const first = Math.floor(this.box.scrollTop / ROW_HEIGHT) - margin;
    const last = Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_HEIGHT) + margin;
    return [Math.max(first, 0), Math.min(last, this.found.length)];
  }

  private draw(): void {
    this.isDirty = false;
    const [from, to] = this.window(MARGIN);
    for (const [at, row] of this.rows) {
      if (at < from || at >= to) {
        row.remove();
        this.rows.delete(at);
      }
    }
    for (let at = from; at < to; at++) {
      let row = this.rows.get(at);
      if (!row) {
        row = makeRow(this.found[at]!, at, this.found.length);
        this.rows.set(at, row);
        this.inner.append(row);
      }
      fill(row, this.found[at]!, this.found[at]!.symbol === this.selected);
    }
    const chosen = [...this.rows.values()].find((row) => row.dataset.symbol === this.selected);
    if (chosen) this.box.setAttribute('aria-activedescendant', chosen.id);
    else this.box.removeAttribute('aria-activedescendant');
  }
}

function makeRow(stock: Stock, at: number, of: number): HTMLElement {
  const row = document.createElement('div');
  row.className = 'row';
  row.id = `row-${at}`;
  row.dataset.symbol = stock.symbol;
  row.setAttribute('role', 'option');
  row.setAttribute('aria-posinset', String(at + 1));
  row.setAttribute('aria-setsize', String(of));
  row.style.transform = `translateY(${at * ROW_HEIGHT}px)`;
  for (const [name, text] of [['symbol', stock.symbol], ['last', ''], ['name', stock.name], ['move', '']] as const) {
    const cell = document.createElement('span');
    cell.className = name;
    cell.textContent = text;
    row.append(cell);
  }
  return row;
}

function fill(row: HTMLElement, stock: Stock, isSelected: boolean): void {
  const [, last, , move] = row.children as unknown as HTMLElement[];
  set(last!, price(stock.price));
  set(move!, stock.halted ? 'halted' : change(stock.changePercent));
  move!.dataset.tone = stock.halted ? 'flat' : tone(stock.changePercent);
  row.setAttribute('aria-selected', String(isSelected));
}

function set(cell: HTMLElement, text: string): void {
  if (cell.textContent !== text) cell.textContent = text;
}
