/** The regimes behind the bars, as bands of colour: a primitive of the chart's series. */

import type { IChartApi, IPanePrimitivePaneView, ISeriesPrimitive, SeriesAttachedParameter, Time } from 'lightweight-charts';
import type { CanvasRenderingTarget2D } from 'fancy-canvas';

import type { Regime, Span } from './api';
import type { Bar } from './bars';

/** Height of the stripe that tells a regime where its band is faint, in CSS pixels. */
const STRIPE = 3;

export type Colours = Record<Regime, { band: string; stripe: string }>;

export class Regimes implements ISeriesPrimitive<Time> {
  /** Ascending, not overlapping. */
  private spans: Span[] = [];
  private bars: readonly Bar[] = [];
  private colours: Colours | undefined;
  private chart: IChartApi | undefined;
  private update: (() => void) | undefined;
  private readonly views: IPanePrimitivePaneView[] = [
    { zOrder: () => 'bottom', renderer: () => ({ draw: () => {}, drawBackground: (target) => this.draw(target) }) },
  ];

  attached({ chart, requestUpdate }: SeriesAttachedParameter<Time>): void {
    this.chart = chart as IChartApi;
    this.update = requestUpdate;
  }

  paneViews(): readonly IPanePrimitivePaneView[] {
    return this.views;
  }

  show(bars: readonly Bar[], spans: Span[], colours: Colours): void {
    this.bars = bars;
    this.spans = spans;
    this.colours = colours;
    this.update?.();
  }

  /** The regime of the minute that begins at an instant. */
  at(time: number): Regime | undefined {
    return this.spans[this.index(time)]?.regime;
  }

  /** The place of the span that holds an instant; −1 when none does. */
  private index(time: number): number {
    let [low, high] = [0, this.spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.spans[middle]!.end > time) high = middle;
      else low = middle + 1;
    }
    return (this.spans[low]?.start ?? Infinity) <= time ? low : -1;
  }

  private draw(target: CanvasRenderingTarget2D): void {
    const [scale, colours] = [this.chart?.timeScale(), this.colours];
    const range = scale?.getVisibleLogicalRange();
    if (!scale || !range || !colours || this.spans.length === 0) return;
    const first = Math.max(0, Math.floor(range.from));
    const last = Math.min(this.bars.length - 1, Math.ceil(range.to));
    const half = scale.options().barSpacing / 2;
    target.useBitmapCoordinateSpace(({ context, bitmapSize, horizontalPixelRatio, verticalPixelRatio }) => {
      let from = first;
      while (from <= last) {
        const regime = this.at(this.bars[from]!.time);
        let to = from;
        while (to < last && this.at(this.bars[to + 1]!.time) === regime) to++;
        const [left, right] = [scale.logicalToCoordinate(from as never), scale.logicalToCoordinate(to as never)];
        if (regime && left !== null && right !== null) {
          const x = Math.round((left - half) * horizontalPixelRatio);
          const width = Math.round((right + half) * horizontalPixelRatio) - x;
          context.fillStyle = colours[regime].band;
          context.fillRect(x, 0, width, bitmapSize.height);
          context.fillStyle = colours[regime].stripe;
          context.fillRect(x, 0, width, Math.round(STRIPE * verticalPixelRatio));
        }
        from = to + 1;
      }
    });
  }
}
