/** The live feed: a WebSocket that comes back by itself. */

import { currentKey, isKeyAsked, renewKey } from './api';
import type { Bar } from './bars';

export type Channel = 'tick' | 'bar';
export type State = 'connecting' | 'live' | 'waiting';

/** Waits between attempts double from the first to the most, in milliseconds; chance takes up to half off. */
const WAIT_FIRST = 500;
const WAIT_MOST = 15_000;
/** After so long without a word the server is asked for one; after twice as long it counts as gone. */
const SILENCE = 10_000;

export interface Heard {
  /** A trade; the last one is told once more after a subscription. */
  tick(symbol: string, price: number, volume: number, timeMs: number, id: string): void;
  bar(symbol: string, bar: Bar): void;
  halt(symbol: string, halted: boolean): void;
  /** The session has changed. */
  session(): void;
  /** The connection stands; what was missed in between must be fetched, after `settled`. */
  up(): void;
  /** The feed has left minutes out; they must be fetched. */
  skipped(): void;
  /** The state has changed; while waiting, `retryAt` is when the next attempt is made, by `performance.now()`. */
  state(state: State, retryAt: number, why: string): void;
}

export class Feed {
  private socket: WebSocket | undefined;
  private wanted = new Map<string, Set<Channel>>();
  private attempts = 0;
  private heardAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private why = '';
  private isUp = false;
  /** Subscriptions that the server has not confirmed yet. */
  private unconfirmed = 0;
  private waiting: (() => void)[] = [];

  constructor(private readonly heard: Heard) {
    setInterval(() => this.watch(), SILENCE / 2);
    addEventListener('online', () => this.retry());
    document.addEventListener('visibilitychange', () => document.hidden || this.retry());
  }

  /** Connects at once, unless it is connected or about to be, or a key is asked for, with which the page begins anew. */
  retry(): void {
    if (!this.socket && !isKeyAsked()) this.connect();
  }

  /** Says which symbols are wanted on which channels; what is not named is not wanted any more. */
  want(wanted: Map<string, Set<Channel>>): void {
    const before = this.wanted;
    this.wanted = wanted;
    if (!this.isUp) return;
    this.tell('unsubscribe', without(before, wanted));
    this.tell('subscribe', without(wanted, before));
  }

  /**
   * Resolves when the server has confirmed every subscription: what is fetched from then on and what the feed sends leave no gap
   * between them. It also resolves when there is no connection, with which all is fetched anew.
   */
  settled(): Promise<void> {
    if (!this.isUp || this.unconfirmed === 0) return Promise.resolve();
    return new Promise((go) => this.waiting.push(go));
  }

  private settle(unconfirmed: number): void {
    this.unconfirmed = unconfirmed;
    if (unconfirmed > 0) return;
    for (const go of this.waiting.splice(0)) go();
  }

  private tell(type: 'subscribe' | 'unsubscribe', pairs: Map<string, Set<Channel>>): void {
    for (const channel of ['tick', 'bar'] as const) {
      const tickers = [...pairs].filter(([, channels]) => channels.has(channel)).map(([symbol]) => symbol);
      if (tickers.length === 0) continue;
      this.send({ type, tickers, channels: [channel] });
      if (type === 'subscribe') this.unconfirmed += 1;
    }
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private connect(): void {
    clearTimeout(this.timer);
    this.heard.state('connecting', 0, this.why);
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/ws?api_key=${encodeURIComponent(currentKey())}`);
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onmessage = (event) => this.hear(event.data);
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.reason);
    };
  }

  private lost(why: string): void {
    this.socket = undefined;
    this.isUp = false;
    this.settle(0);
    // A message before the end says more than the reason that came with it.
    this.why ||= why;
    const wait = Math.min(WAIT_FIRST * 2 ** this.attempts++, WAIT_MOST) * (1 - Math.random() / 2);
    this.heard.state('waiting', performance.now() + wait, this.why);
    this.timer = setTimeout(() => {
      // The server may have been started again, with another key for its page.
      renewKey()
        .catch(() => undefined)
        .finally(() => this.retry());
    }, wait);
  }

  private watch(): void {
    const silence = performance.now() - this.heardAt;
    if (!this.socket || silence < SILENCE) return;
    if (silence < 2 * SILENCE) return this.send({ type: 'ping' });
    const dead = this.socket;
    this.lost('The server has fallen silent.');
    dead.close();
  }

  private hear(text: string): void {
    this.heardAt = performance.now();
    const message = JSON.parse(text);
    const data = message.data;
    switch (message.type) {
      case 'tick':
        this.heard.tick(data.ticker, Number(data.price), Number(data.volume), Number(data.timestamp), `${data.timestamp}/${data.id}`);
        break;
      case 'bar': {
        const { ticker, time, open, high, low, close, volume } = data;
        this.heard.bar(ticker, { time, open: +open, high: +high, low: +low, close: +close, volume: +volume });
        break;
      }
      case 'status':
        if (data.ticker) this.heard.halt(data.ticker, Boolean(data.halted));
        else this.heard.session();
        break;
      case 'skipped':
        this.heard.skipped();
        break;
      case 'subscribed':
        this.settle(Math.max(this.unconfirmed - 1, 0));
        break;
      case 'connected':
        this.isUp = true;
        this.attempts = 0;
        this.why = '';
        this.tell('subscribe', this.wanted);
        this.heard.state('live', 0, '');
        this.heard.up();
        break;
      case 'error':
        // A refused subscription is never confirmed.
        if (data?.code === 'subscription_limit') this.settle(Math.max(this.unconfirmed - 1, 0));
        this.why = message.message ?? data?.message ?? '';
        break;
    }
  }
}

function without(all: Map<string, Set<Channel>>, known: Map<string, Set<Channel>>): Map<string, Set<Channel>> {
  const rest = new Map<string, Set<Channel>>();
  for (const [symbol, channels] of all) {
    const fresh = [...channels].filter((channel) => !known.get(symbol)?.has(channel));
    if (fresh.length > 0) rest.set(symbol, new Set(fresh));
  }
  return rest;
}
