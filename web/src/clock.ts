/** The market's clock and its session. */

import type { Status } from './api';
import { MINUTE, place, setHours, tell } from './time';

const SESSIONS = { morning: 'Morning session', afternoon: 'Afternoon session', regular: 'Open', closed: 'Closed' };

export class Clock {
  private status: Status | undefined;
  private readAt = 0;

  constructor(
    private readonly face: HTMLElement,
    private readonly session: HTMLElement,
    private readonly pace: HTMLElement,
  ) {
    setInterval(() => this.draw(), 250);
  }

  /** Minutes of market in a minute on the wall. */
  get speed(): number {
    return this.status?.speed ?? 1;
  }

  set(status: Status): void {
    this.status = status;
    setHours(status.hours);
    this.face.title = `The market's time, ${place()}`;
    this.readAt = performance.now();
    const { session, pace, sessionStart } = status;
    const opens = session === 'closed' ? ` · opens ${tell(sessionStart, 'day')} ${tell(sessionStart, 'minute')}` : '';
    this.session.textContent = SESSIONS[session] + opens;
    this.session.dataset.state = session === 'closed' ? 'closed' : 'open';
    this.pace.hidden = pace !== 'test';
    this.pace.textContent = `Test ×${Number(status.speed.toFixed(1))}`;
    this.pace.title = `A minute of the market takes ${Number((60 / status.speed).toFixed(2))} s; closed hours are skipped`;
    this.draw();
  }

  private draw(): void {
    if (!this.status) return;
    const { now, speed, pace, openMinute } = this.status;
    let time = (now + (performance.now() - this.readAt) * speed) / 1000;
    // In test mode the clock waits at the end of the open minute until the next one is written.
    if (pace === 'test' && openMinute !== null) time = Math.min(time, openMinute + MINUTE);
    // A narrow screen shows the short date.
    const texts = [tell(time, 'date'), tell(time, 'day'), tell(time, 'second')];
    texts.forEach((text, at) => (this.face.children[at]!.textContent = text));
  }
}
