// Alpaca's Go client before a market: bars of all pages over REST, then trades and bars of every symbol in one connection.
// test_relay.py runs it and compares what it prints with the databases.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata/stream"
)

// A bar: start in Unix seconds, open, high, low, close, shares.
type row [6]float64

func rowOf(at time.Time, open, high, low, close float64, volume uint64) row {
	return row{float64(at.Unix()), open, high, low, close, float64(volume)}
}

type answer struct {
	// All bars up to an instant, of pages with 500 bars.
	Stored map[string][]row `json:"stored"`
	// The first bar of each symbol on the stream.
	Live map[string]row `json:"live"`
	// Trades of each symbol before that.
	Trades map[string]int `json:"trades"`
}

func run(symbols []string, end time.Time) (*answer, error) {
	url, id, secret := os.Getenv("KLINED_URL"), os.Getenv("KLINED_KEY_ID"), os.Getenv("KLINED_KEY_SECRET")
	found := answer{map[string][]row{}, map[string]row{}, map[string]int{}}
	client := marketdata.NewClient(marketdata.ClientOpts{APIKey: id, APISecret: secret, BaseURL: url})
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	request := marketdata.GetBarsRequest{TimeFrame: marketdata.OneMin, Start: begin, End: end, PageLimit: 500}
	bars, err := client.GetMultiBars(symbols, request)
	if err != nil {
		return nil, fmt.Errorf("bars: %w", err)
	}
	for symbol, bars := range bars {
		for _, bar := range bars {
			found.Stored[symbol] = append(found.Stored[symbol], rowOf(bar.Timestamp, bar.Open, bar.High, bar.Low, bar.Close, bar.Volume))
		}
	}

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	received := make(chan any, 10_000)
	feed := stream.NewStocksClient(
		marketdata.IEX,
		stream.WithBaseURL(strings.Replace(url, "http", "ws", 1)+"/v2"),
		stream.WithCredentials(id, secret),
		stream.WithTrades(func(trade stream.Trade) { received <- trade }, symbols...),
		stream.WithBars(func(bar stream.Bar) { received <- bar }, symbols...),
	)
	if err := feed.Connect(ctx); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	for len(found.Live) < len(symbols) {
		select {
		case message := <-received:
			switch message := message.(type) {
			case stream.Trade:
				found.Trades[message.Symbol]++
			case stream.Bar:
				if _, known := found.Live[message.Symbol]; !known {
					bar := message
					found.Live[bar.Symbol] = rowOf(bar.Timestamp, bar.Open, bar.High, bar.Low, bar.Close, bar.Volume)
				}
			}
		case err := <-feed.Terminated():
			return nil, fmt.Errorf("the stream has ended: %w", err)
		case <-ctx.Done():
			return nil, errors.New("the stream has not sent a bar of every symbol")
		}
	}
	return &found, nil
}

func main() {
	end, err := time.Parse(time.RFC3339, os.Args[1])
	if err == nil {
		var found *answer
		if found, err = run(os.Args[2:], end); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(found)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
