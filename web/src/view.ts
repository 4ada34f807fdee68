/** The parts of the page that only show: head, legend, overlay, banner. */

import type { Regime } from './api';
import type { Bar } from './bars';
import type { State } from './feed';
import * as format from './format';
import type { Stock } from './list';
import { tellBar, type Interval } from './time';

export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Text over the chart's place; none when it is empty. */
export function overlay(text: string, isError = false): void {
  element('overlay').hidden = text === '';
  element('overlay').dataset.state = isError ? 'error' : '';
  element('overlay-text').textContent = text;
}

/** The chosen stock with its price. */
export function head(symbol: string, stock: Stock | undefined): void {
  element('symbol').textContent = symbol || '–';
  element('name').textContent = stock ? [stock.name, stock.sector].filter(Boolean).join(' · ') : '';
  element('halted').hidden = !stock?.halted;
  const price = stock?.price ?? null;
  const percent = stock?.changePercent ?? null;
  element('price').textContent = format.price(price);
  const shift = price !== null && stock?.previousClose ? format.difference(price - stock.previousClose) : '';
  element('change').textContent = shift && `${shift} (${format.change(percent)})`;
  for (const part of ['price', 'change']) element(part).dataset.tone = format.tone(percent);
  document.title = symbol ? `${symbol} ${format.price(price)} · klined` : 'klined';
}

/** A bar in numbers. */
export function legend(bar: Bar | undefined, interval: Interval, regime: Regime | undefined): void {
  const parts: [string, string][] = bar
    ? [
        ['', tellBar(bar.time, interval)],
        ['O', format.price(bar.open)],
        ['H', format.price(bar.high)],
        ['L', format.price(bar.low)],
        ['C', format.price(bar.close)],
        ['V', format.volume(bar.volume)],
      ]
    : [];
  if (regime) parts.push(['', regime]);
  const cells = parts.map(([name, text]) => {
    const cell = document.createElement('span');
    if (name) cell.append(Object.assign(document.createElement('i'), { textContent: name }));
    cell.append(text);
    return cell;
  });
  element('legend').replaceChildren(...cells);
}

/** The state of the connection, with a banner while there is none. */
export class Link {
  private retryAt = 0;
  private trouble = '';

  constructor() {
    setInterval(() => this.draw(), 500);
  }

  set(state: State, retryAt: number, why: string): void {
    const link = element('link');
    link.dataset.state = state;
    link.textContent = { connecting: 'Connecting', live: 'Live', waiting: 'Offline' }[state];
    this.retryAt = retryAt;
    if (state === 'waiting') this.trouble = `The live feed is interrupted${why && `: ${why}`}.`;
    if (state === 'live') this.trouble = '';
    this.draw();
  }

  private draw(): void {
    element('trouble').hidden = this.trouble === '';
    const seconds = Math.ceil((this.retryAt - performance.now()) / 1000);
    element('trouble-text').textContent = `${this.trouble} ${seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again…'}`;
  }
}
