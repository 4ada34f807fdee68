/** The server's REST interface, as much of it as the page uses. */

import type { Bar } from './bars';
import type { ClockSession, Hours, Interval } from './time';

/** How long an answer may take, in milliseconds. */
const PATIENCE = 15_000;
/** Stocks asked for at once. */
const PAGE = 1000;

export interface Ticker {
  symbol: string;
  name: string;
  sector: string;
  /** Currency units. */
  price: number;
  /** Against the close of the day before, in percent; may be unknown until the next minute. */
  changePercent: number | null;
  halted: boolean;
}

export interface Status {
  /** None before the first minute is written. */
  pace: 'live' | 'test' | null;
  /** Minutes of market in a minute on the wall; 0 while nobody writes. */
  speed: number;
  /** The market's time in Unix milliseconds. */
  now: number;
  session: 'morning' | 'afternoon' | 'regular' | 'closed';
  /** Start of the minute being made, Unix seconds. */
  openMinute: number | null;
  /** Start of the present session, or of the next one while it is closed, Unix seconds. */
  sessionStart: number;
  hours: Hours;
}

export type Regime = 'bull' | 'bear' | 'sideways';

/** A regime that holds for the minutes from `start` up to but not including `end`, Unix seconds. */
export interface Span {
  start: number;
  end: number;
  regime: Regime;
}

/** What the server, or the way to it, objects to. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
  ) {
    super(message);
  }
}

/** Where a key that was typed in is kept until the tab is closed. */
const KEPT = 'klined-key';

let key = keyIn(document);

/** The key that the server gave to a page; where it gave none, the one that was typed in. */
function keyIn(page: Document): string {
  return page.querySelector<HTMLMetaElement>('meta[name="klined-key"]')?.content || sessionStorage.getItem(KEPT) || '';
}

/** Asks for a key, and begins anew with it. */
function askForKey(): void {
  const dialog = document.querySelector<HTMLDialogElement>('#key-wanted');
  const form = dialog?.querySelector('form');
  if (!dialog || !form || dialog.open) return;
  dialog.querySelector('p')!.textContent = key === '' ? 'This market asks for a key.' : 'The key is not known.';
  form.onsubmit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEPT, form.querySelector('input')!.value.trim());
    location.reload();
  };
  dialog.showModal();
}

/** Whether a key is asked for, so that nothing can be had before it is typed in. */
export function isKeyAsked(): boolean {
  return document.querySelector<HTMLDialogElement>('#key-wanted')?.open ?? false;
}

/** The key that requests are made with. */
export function currentKey(): string {
  return key;
}

/** Reads the key anew: a server that was started again has another one. */
export async function renewKey(): Promise<void> {
  const answer = await reach('/', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
  if (!answer.ok) throw refusal(answer);
  const page = await answer.text().catch(() => {
    throw silence();
  });
  key = keyIn(new DOMParser().parseFromString(page, 'text/html'));
}

const refusal = ({ status }: Response) => new ApiError(`The server answered ${status}.`, status);
const silence = () => new ApiError('The server does not answer.', 0);

async function reach(path: string, how: RequestInit & { signal: AbortSignal }): Promise<Response> {
  try {
    return await fetch(path, how);
  } catch (error) {
    const { signal } = how;
    if (signal.aborted && signal.reason instanceof DOMException && signal.reason.name === 'AbortError') throw error;
    throw silence();
  }
}

/** Gets JSON. What was refused for an old key is asked for once more with the present one. */
async function get<T>(path: string, query: Record<string, string | number | undefined> = {}, signal?: AbortSignal): Promise<T> {
  const given = Object.entries(query).filter((pair): pair is [string, string | number] => pair[1] !== undefined);
  const url = `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
  const patience = AbortSignal.timeout(PATIENCE);
  const either = signal ? AbortSignal.any([signal, patience]) : patience;
  const ask = () => reach(url, { headers: { 'X-API-Key': key }, signal: either });
  const used = key;
  let answer = await ask();
  if (answer.status === 401) {
    // Another request, or the feed, may have renewed it meanwhile.
    if (key === used) await renewKey();
    if (key !== used) answer = await ask();
  }
  const body = await answer.json().catch(() => undefined);
  if (answer.status === 401) askForKey();
  if (!answer.ok || body === undefined) {
    const { message, status } = refusal(answer);
    throw new ApiError(body?.error?.message ?? message, status);
  }
  return body as T;
}

interface TickerRow {
  symbol: string;
  name: string;
  sector: string;
  price: string;
  change_percent: number | null;
  halted: boolean;
}

interface StatusRow {
  pace: Status['pace'];
  speed: number | null;
  now: number | null;
  session: Status['session'];
  session_start: number;
  open_minute: number | null;
  market_time: number;
  time_zone: string;
  sessions: ClockSession[];
}

interface Enveloped<T> {
  data: T;
  meta?: { next_after?: string | null };
}

/** All stocks, ascending by symbol. */
export async function tickers(signal?: AbortSignal): Promise<Ticker[]> {
  const all: Ticker[] = [];
  let after: string | undefined;
  do {
    const page: Enveloped<TickerRow[]> = await get('/api/v2/tickers', { limit: PAGE, after }, signal);
    for (const row of page.data) {
      const { symbol, name, sector, price, change_percent: change, halted } = row;
      all.push({ symbol, name, sector, price: Number(price), changePercent: change, halted });
    }
    after = page.meta?.next_after ?? undefined;
  } while (after);
  return all;
}

export async function status(): Promise<Status> {
  const { data } = await get<Enveloped<StatusRow>>('/api/v2/status');
  return {
    pace: data.pace,
    speed: data.speed ?? 0,
    now: data.now ?? data.market_time * 1000,
    session: data.session,
    openMinute: data.open_minute,
    sessionStart: data.session_start,
    hours: { zone: data.time_zone, sessions: data.sessions },
  };
}

/** The newest bars, ascending; with `end` those that start then or earlier, Unix seconds. A stock may have none. */
export async function bars(symbol: string, interval: Interval, limit: number, signal?: AbortSignal, end?: number): Promise<Bar[]> {
  try {
    return await get<Bar[]>('/api/klines', { symbol, interval, limit, end }, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}

/** What the server tells regimes of at once, in seconds. */
const TRUTH_SPAN = 31 * 86_400;

/** The regimes from one minute up to but not including another, Unix seconds. */
export async function regimes(symbol: string, start: number, end: number, signal?: AbortSignal): Promise<Span[]> {
  const spans: Span[] = [];
  for (let from = start; from < end; from += TRUTH_SPAN) {
    const part = { start: from, end: Math.min(from + TRUTH_SPAN, end) - 1 };
    const path = `/api/v2/truth/${encodeURIComponent(symbol)}`;
    const { data } = await get<Enveloped<{ regimes: { from: number; until: number; regime: Regime }[] }>>(path, part, signal);
    spans.push(...data.regimes.map(({ from, until, regime }) => ({ start: from, end: until, regime })));
  }
  return spans;
}
