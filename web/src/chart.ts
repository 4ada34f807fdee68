/** Candles, volume and regimes on the canvas. */

import {
  CandlestickSeries,
  ColorType,
  createChart,
  CrosshairMode,
  HistogramSeries,
  TickMarkType,
  type IChartApi,
  type ISeriesApi,
  type Time,
  type UTCTimestamp,
} from 'lightweight-charts';

import type { Regime, Span } from './api';
import type { Bar, Series } from './bars';
import { Regimes, type Colours } from './regimes';
import { tell, tellBar, type Interval } from './time';

/** Bars from the left edge at which older ones are asked for. */
const NEAR_EDGE = 60;
/** Bars shown at first on a wide screen, and how narrow one may get. */
const BARS_SHOWN = 140;
const SPACING_LEAST = 5;
/** Empty bars right of the newest. */
const ROOM = 4;

export interface Watched {
  /** The left edge is near. */
  wantsOlder(): void;
  /** The bar under the crosshair, or the newest; none while there is none at all. */
  points(bar: Bar | undefined, regime: Regime | undefined): void;
  /** Whether the newest bar is in view. */
  seesNewest(sees: boolean): void;
}

export class Chart {
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<'Candlestick'>;
  private readonly volumes: ISeriesApi<'Histogram'>;
  private readonly regimes = new Regimes();
  private series: Series | undefined;
  private spans: Span[] = [];
  private interval: Interval = '1m';
  private pointed: number | undefined;
  /** Bars that the library has. */
  private drawn = 0;

  constructor(
    private readonly box: HTMLElement,
    private readonly watched: Watched,
  ) {
    this.chart = createChart(box, {
      autoSize: true,
      // The page names the library in its footer; its logo would bring an inline style, which the page's policy forbids.
      layout: { attributionLogo: false },
      localization: { locale: 'en-GB', timeFormatter: (time: Time) => tellBar(Number(time), this.interval) },
      timeScale: {
        timeVisible: true,
        rightOffset: ROOM,
        minBarSpacing: 0.5,
        tickMarkFormatter: (time: Time, type: TickMarkType) => tell(Number(time), marks[type]),
      },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { scaleMargins: { top: 0.12, bottom: 0.06 } },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.candles.attachPrimitive(this.regimes);
    this.volumes = this.chart.addSeries(HistogramSeries, { priceFormat: { type: 'volume' }, priceLineVisible: false, lastValueVisible: false }, 1);
    this.volumes.priceScale().applyOptions({ scaleMargins: { top: 0.15, bottom: 0 } });
    const [prices, volumes] = this.chart.panes();
    prices?.setStretchFactor(4);
    volumes?.setStretchFactor(1);
    this.dress();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.dress());
    this.chart.subscribeCrosshairMove(({ logical }) => {
      this.pointed = logical ?? undefined;
      this.point();
    });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (!range || !this.series) return;
      if (range.from < NEAR_EDGE && this.series.bars.length > 0) this.watched.wantsOlder();
      this.watched.seesNewest(range.to > this.series.bars.length - 1);
    });
  }

  /** Shows another series, from its newest bar. */
  show(series: Series): void {
    this.series = series;
    this.interval = series.interval;
    this.draw();
    const spacing = Math.max(SPACING_LEAST, this.chart.timeScale().width() / BARS_SHOWN);
    this.chart.timeScale().applyOptions({ barSpacing: spacing });
    this.toNewest();
  }

  /** Draws what has changed in the series. */
  draw(): void {
    const series = this.series;
    if (!series) return;
    series.settle();
    // The library goes on from its last bar; what changed before it is set anew.
    if (series.replaced || series.dirty < this.drawn - 1) {
      this.candles.setData(series.bars.map(candle));
      this.volumes.setData(series.bars.map((bar) => this.column(bar)));
    } else {
      for (let at = series.dirty; at < series.bars.length; at++) {
        this.candles.update(candle(series.bars[at]!));
        this.volumes.update(this.column(series.bars[at]!));
      }
    }
    series.clean();
    this.drawn = series.bars.length;
    this.regimes.show(series.bars, this.spans, this.palette());
    this.point();
  }

  showRegimes(spans: Span[]): void {
    this.spans = spans;
    if (this.series) this.regimes.show(this.series.bars, spans, this.palette());
    this.point();
  }

  toNewest(): void {
    this.chart.timeScale().scrollToPosition(ROOM, false);
  }

  /** Scrolls by a share of what is in view; to the left when negative. */
  scroll(share: number): void {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const step = (range.to - range.from) * share;
    this.chart.timeScale().setVisibleLogicalRange({ from: range.from + step, to: range.to + step });
  }

  /** Makes bars wider by a factor, or narrower below 1; the right edge stays. */
  zoom(factor: number): void {
    const scale = this.chart.timeScale();
    scale.applyOptions({ barSpacing: Math.min(Math.max(scale.options().barSpacing * factor, 0.5), 60) });
  }

  private point(): void {
    const bars = this.series?.bars ?? [];
    const bar = (this.pointed === undefined ? undefined : bars[this.pointed]) ?? bars.at(-1);
    this.watched.points(bar, bar && this.regimes.at(bar.time));
  }

  private column(bar: Bar) {
    const name = bar.close < bar.open ? '--down-soft' : '--up-soft';
    return { time: bar.time as UTCTimestamp, value: bar.volume, color: this.colour(name) };
  }

  private known = new Map<string, string>();

  private colour(name: string): string {
    let value = this.known.get(name);
    if (value === undefined) {
      value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      this.known.set(name, value);
    }
    return value;
  }

  private palette(): Colours {
    const of = (regime: Regime) => ({ band: this.colour(`--${regime}-band`), stripe: this.colour(`--${regime}-stripe`) });
    return { bull: of('bull'), bear: of('bear'), sideways: of('sideways') };
  }

  /** Takes the page's colours. */
  private dress(): void {
    this.known.clear();
    const [line, up, down] = [this.colour('--line'), this.colour('--up'), this.colour('--down')];
    this.chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: this.colour('--page') },
        textColor: this.colour('--muted'),
        fontFamily: getComputedStyle(this.box).fontFamily,
        fontSize: 11,
        panes: { separatorColor: line, enableResize: false },
      },
      grid: { vertLines: { color: this.colour('--grid') }, horzLines: { color: this.colour('--grid') } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    this.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    if (this.series) {
      this.series.replaced = true;
      this.draw();
    }
  }
}

const marks = {
  [TickMarkType.Year]: 'year',
  [TickMarkType.Month]: 'month',
  [TickMarkType.DayOfMonth]: 'day',
  [TickMarkType.Time]: 'minute',
  [TickMarkType.TimeWithSeconds]: 'minute',
} as const;

function candle({ time, open, high, low, close }: Bar) {
  return { time: time as UTCTimestamp, open, high, low, close };
}
