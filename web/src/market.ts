/** What the page knows of the market: the stocks, the chosen one's bars, and what keeps them current. */

import * as api from './api';
import { BARS_MAX, Series, type Bar } from './bars';
import type { Chart } from './chart';
import type { Clock } from './clock';
import { Feed, type Channel } from './feed';
import type { List, Stock } from './list';
import { dayOf, MINUTE, minutesIn, minutesOfDay, type Interval } from './time';
import { head, overlay, type Link } from './view';

/** Bars fetched at first and at each step to the left. */
const PAGE = 600;
const OLDER_PAGE = 1000;
/** A month has at most so many days. */
const MONTH_DAYS = 31;
/** Regimes last 30 to 120 minutes: behind longer bars there is nothing to see. */
const REGIME_MINUTES_MAX = 30;
/** At higher speeds the list hears closed minutes instead of every trade. */
const TICK_SPEED_MAX = 20;
/** The least time between two requests for the same thing, in milliseconds. */
const PAUSE = 1000;
/** How often the clock is set when nothing else happens, in milliseconds. */
const STATUS_EVERY = 15_000;

/** Calls at once, and when called again within the pause once more at its end. */
function seldom(call: () => void, pause = PAUSE): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let again = false;
  return function run() {
    if (timer) {
      again = true;
      return;
    }
    call();
    timer = setTimeout(() => {
      timer = undefined;
      if (again) run();
      again = false;
    }, pause);
  };
}

/** What the market shows itself with. */
export interface Parts {
  clock: Clock;
  list: List;
  chart: Chart;
  link: Link;
}

export class Market {
  symbol = '';
  interval: Interval = '1m';
  wantsRegimes = true;

  private readonly stocks = new Map<string, Stock>();
  private readonly feed: Feed;
  private series: Series | undefined;
  /** Whose bars the series has. */
  private owner = '';
  private spans: api.Span[] = [];
  private loading = new AbortController();
  private isLoadingOlder = false;
  private hasOlder = true;
  /** The newest day that was heard of. */
  private today = 0;
  private isDrawing = false;
  /** What the feed has sent of the stock whose bars are being fetched; none while nothing is fetched. */
  private kept: (() => void)[] | undefined;
  /** The newest minute before which a gap was found, so that it is fetched once. */
  private mendedTo = 0;
  /** The trade of the chosen stock that was heard last. */
  private lastTick = '';
  /** The request for the market's hours. */
  private hours: Promise<void> | undefined;

  constructor(private readonly parts: Parts) {
    this.feed = new Feed({
      tick: (symbol, price, volume, timeMs, id) => this.tick(symbol, price, volume, timeMs, id),
      bar: (symbol, bar) => this.bar(symbol, bar),
      halt: (symbol, halted) => this.halt(symbol, halted),
      session: () => this.setClock(),
      up: () => this.up(),
      skipped: this.renewAll,
      state: (state, retryAt, why) => {
        parts.link.set(state, retryAt, why);
        if (state !== 'waiting') return;
        if (!this.series) overlay('Waiting for the server…', true);
        // What can be had without the feed is shown, however often it fails.
        this.up();
      },
    });
    setInterval(this.setClock, STATUS_EVERY);
  }

  /** Connects now; what there is to see comes with the connection. */
  connect(): void {
    this.feed.retry();
  }

  has(symbol: string): boolean {
    return this.stocks.has(symbol);
  }

  /** Shows another stock or interval. */
  choose(symbol: string, interval: Interval): void {
    const isNew = symbol !== this.owner || interval !== this.series?.interval;
    this.symbol = symbol;
    this.interval = interval;
    this.parts.list.select(symbol);
    this.showHead();
    if (!isNew) return;
    this.loadBars().catch((error) => this.failed(error));
  }

  /** Whether the interval has regimes to show. */
  get canShowRegimes(): boolean {
    return (minutesIn(this.interval) ?? Infinity) <= REGIME_MINUTES_MAX;
  }

  readonly renewRegimes = seldom(() => void this.loadRegimes().catch(ignoreRefusals));
  /** What is in view has changed. */
  readonly wantSoon = seldom(() => this.want(), 200);

  private readonly setClock = seldom(() => {
    const { clock } = this.parts;
    const set = (status: api.Status) => {
      const wasFast = clock.speed > TICK_SPEED_MAX;
      clock.set(status);
      if (wasFast !== clock.speed > TICK_SPEED_MAX) this.wantSoon();
    };
    api.status().then(set, ignoreRefusals);
  });
  private readonly renewAll = seldom(() => this.up());
  private readonly renewStocks = seldom(() => void this.loadStocks().catch(ignoreRefusals));

  private setPrice(symbol: string, price: number): void {
    const stock = this.stocks.get(symbol);
    if (!stock) return;
    stock.price = price;
    if (stock.previousClose) stock.changePercent = (price / stock.previousClose - 1) * 100;
    this.parts.list.touch();
  }

  private tick(symbol: string, price: number, volume: number, timeMs: number, id: string): void {
    this.setPrice(symbol, price);
    this.take(symbol, () => {
      if (id === this.lastTick) return;
      this.lastTick = id;
      this.series?.tick(Math.floor(timeMs / 1000), price, volume);
    });
  }

  /** Applies what the feed sent of the chosen stock: at once, or after the bars that are being fetched. */
  private take(symbol: string, apply: () => void): void {
    if (this.kept && symbol === this.symbol) this.kept.push(apply);
    else if (symbol === this.owner) {
      apply();
      this.drawSoon();
    }
  }

  private bar(symbol: string, closed: Bar): void {
    this.setPrice(symbol, closed.close);
    this.setClock();
    // A new day has another previous close.
    if (dayOf(closed.time) > this.today) {
      this.today = dayOf(closed.time);
      this.renewStocks();
    }
    this.take(symbol, () => this.close(closed));
    if (symbol === this.owner) this.renewRegimes();
  }

  /** Adds a closed minute. Where minutes are missing before it they are fetched, once: there may have been no trade. */
  private close(closed: Bar): void {
    if (this.series?.isAfterGap(closed) && closed.time > this.mendedTo) {
      this.mendedTo = closed.time;
      this.renewAll();
    }
    this.series?.close(closed);
  }

  private halt(symbol: string, halted: boolean): void {
    const stock = this.stocks.get(symbol);
    if (stock) stock.halted = halted;
    this.parts.list.touch();
    this.showHead();
  }

  /** Fetches whatever was missed. */
  private up(): void {
    this.setClock();
    this.load().catch((error) => this.failed(error));
  }

  private drawSoon(): void {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      this.parts.chart.draw();
      this.showHead();
      if (this.isCurrent && this.series?.last) overlay('');
    });
  }

  private showHead(): void {
    head(this.symbol, this.stocks.get(this.symbol));
  }

  /** Whether the series is that of the chosen stock and interval. */
  private get isCurrent(): boolean {
    return this.owner === this.symbol && this.series?.interval === this.interval;
  }

  private want(): void {
    const wanted = new Map<string, Set<Channel>>();
    const channel = this.parts.clock.speed > TICK_SPEED_MAX ? 'bar' : 'tick';
    for (const symbol of this.parts.list.visible()) wanted.set(symbol, new Set([channel]));
    if (this.symbol) wanted.set(this.symbol, new Set(['tick', 'bar']));
    this.feed.want(wanted);
  }

  private async load(): Promise<void> {
    this.hours ??= this.loadHours();
    await this.hours.catch((error) => {
      this.hours = undefined;
      throw error;
    });
    await this.loadStocks();
    const { list } = this.parts;
    if (!this.has(this.symbol)) this.symbol = list.neighbour(0) ?? '';
    if (!this.symbol) return overlay('The market has no stocks yet.');
    if (!this.owner) list.select(this.symbol);
    this.showHead();
    await this.loadBars();
  }

  /** Asks for the market's hours, which all its times and buckets go by. */
  private async loadHours(): Promise<void> {
    this.parts.clock.set(await api.status());
  }

  private async loadStocks(): Promise<void> {
    const all = await api.tickers();
    this.stocks.clear();
    for (const ticker of all) {
      const { symbol, name, sector, price, changePercent } = ticker;
      // A price has two decimals, so rounding gives back what the change was measured against.
      const previousClose = changePercent !== null ? Math.round((price / (1 + changePercent / 100)) * 100) / 100 : null;
      this.stocks.set(symbol, { ...ticker, previousClose, words: `${symbol} ${name} ${sector}`.toLowerCase() });
    }
    this.parts.list.setStocks([...this.stocks.values()]);
    this.showHead();
  }

  /**
   * Fetches the newest bars of the chosen stock. A series that is shown already goes on. The feed is subscribed to first, and what it
   * sends meanwhile is kept and added afterwards, so that no minute is lost between the two.
   */
  private async loadBars(): Promise<void> {
    this.loading.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    this.kept = [];
    if (!this.isCurrent) overlay('Loading…');
    this.want();
    try {
      await this.feed.settled();
      if (!signal.aborted) await this.fetchBars(signal);
    } finally {
      if (!signal.aborted) this.applyKept();
    }
  }

  /** Adds what was kept; after a failure the series may be another stock's, and then it is dropped. */
  private applyKept(): void {
    const kept = this.kept ?? [];
    this.kept = undefined;
    if (this.isCurrent) for (const apply of kept) apply();
  }

  private async fetchBars(signal: AbortSignal): Promise<void> {
    const { symbol, interval, parts } = this;
    const isLong = interval === '1w' || interval === '1M';
    const [bars, minutes, days] = await Promise.all([
      api.bars(symbol, interval, PAGE, signal),
      api.bars(symbol, '1m', minutesOfDay(), signal),
      isLong ? api.bars(symbol, '1d', MONTH_DAYS, signal) : [],
    ]);
    if (signal.aborted) return;
    const isNew = !this.isCurrent || !this.series;
    const series = isNew || !this.series ? new Series(interval) : this.series;
    series.renew(bars, minutes, days);
    if (isNew) {
      this.series = series;
      this.owner = symbol;
      this.spans = [];
      this.mendedTo = 0;
      this.hasOlder = bars.length >= PAGE;
    }
    this.applyKept();
    if (isNew) {
      parts.chart.showRegimes([]);
      parts.chart.show(series);
    } else parts.chart.draw();
    this.today = Math.max(this.today, dayOf(minutes.at(-1)?.time ?? 0));
    overlay(series.last ? '' : `${symbol} has no bars yet. They appear as its minutes are written.`);
    this.renewRegimes();
  }

  /** Fetches bars before the first one. */
  async loadOlder(): Promise<void> {
    const { series, owner } = this;
    const oldest = series?.first;
    if (this.isLoadingOlder || !this.hasOlder || !series || !oldest || series.bars.length >= BARS_MAX) return;
    this.isLoadingOlder = true;
    try {
      const older = await api.bars(owner, series.interval, OLDER_PAGE, this.loading.signal, oldest.time - 1);
      if (series !== this.series) return;
      this.hasOlder = older.length >= OLDER_PAGE;
      series.prepend(older);
      this.parts.chart.draw();
      this.renewRegimes();
    } catch (error) {
      // Tried again at the next scroll.
      ignoreRefusals(error);
    } finally {
      this.isLoadingOlder = false;
    }
  }

  /** Fetches the regimes of the bars that have none yet. */
  private async loadRegimes(): Promise<void> {
    const { series, owner, parts } = this;
    const [first, last] = [series?.first, series?.last];
    if (!first || !last || !this.wantsRegimes || !this.canShowRegimes) return parts.chart.showRegimes([]);
    const end = last.time + (minutesIn(series!.interval) ?? 1) * MINUTE;
    const { signal } = this.loading;
    const [known, knownTo] = [this.spans[0]?.start ?? end, this.spans.at(-1)?.end ?? end];
    const before = first.time < known ? await api.regimes(owner, first.time, known, signal) : [];
    const after = knownTo < end ? await api.regimes(owner, knownTo, end, signal) : [];
    if (series !== this.series) return;
    this.spans = [...before, ...this.spans, ...after];
    parts.chart.showRegimes(this.spans);
  }

  private failed(error: unknown): void {
    ignoreRefusals(error);
    if (error instanceof api.ApiError && !this.isCurrent) overlay(error.message, true);
  }
}

/** Lets pass what the server refused and what the page itself gave up; throws what is a fault of the page. */
function ignoreRefusals(error: unknown): void {
  const isGivenUp = error instanceof DOMException && error.name === 'AbortError';
  if (!isGivenUp && !(error instanceof api.ApiError)) throw error;
}
