// Sends the messages of a plan, JSON on standard input, with github.com/segmentio/analytics-go/v3.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	analytics "github.com/segmentio/analytics-go/v3"
)

type entry struct {
	Call, UserId, AnonymousId, PreviousId, GroupId, Name string
	Timestamp                                            time.Time
	Details                                              map[string]interface{}
}

type plan struct {
	Url, WriteKey string
	Messages      []entry
}

// Told by the library what became of every message.
type tally struct {
	left     sync.WaitGroup
	failures atomic.Int32
}

func (t *tally) Success(analytics.Message) { t.left.Done() }

func (t *tally) Failure(message analytics.Message, err error) {
	fmt.Fprintln(os.Stderr, err)
	t.failures.Add(1)
	t.left.Done()
}

func messageOf(e entry) analytics.Message {
	switch e.Call {
	case "track":
		return analytics.Track{UserId: e.UserId, AnonymousId: e.AnonymousId, Event: e.Name, Properties: e.Details, Timestamp: e.Timestamp}
	case "identify":
		return analytics.Identify{UserId: e.UserId, AnonymousId: e.AnonymousId, Traits: e.Details}
	case "page":
		return analytics.Page{UserId: e.UserId, AnonymousId: e.AnonymousId, Name: e.Name, Properties: e.Details}
	case "screen":
		return analytics.Screen{UserId: e.UserId, AnonymousId: e.AnonymousId, Name: e.Name, Properties: e.Details}
	case "group":
		return analytics.Group{UserId: e.UserId, AnonymousId: e.AnonymousId, GroupId: e.GroupId, Traits: e.Details}
	default:
		return analytics.Alias{UserId: e.UserId, PreviousId: e.PreviousId}
	}
}

func main() {
	var sent plan
	decoder := json.NewDecoder(os.Stdin)
	decoder.UseNumber()
	if err := decoder.Decode(&sent); err != nil {
		panic(err)
	}
	var outcome tally
	client, err := analytics.NewWithConfig(sent.WriteKey, analytics.Config{
		Endpoint:   sent.Url,
		BatchSize:  5,
		Interval:   100 * time.Millisecond,
		RetryAfter: func(int) time.Duration { return 200 * time.Millisecond },
		Callback:   &outcome,
	})
	if err != nil {
		panic(err)
	}
	outcome.left.Add(len(sent.Messages))
	for _, e := range sent.Messages {
		if err := client.Enqueue(messageOf(e)); err != nil {
			panic(err)
		}
	}
	outcome.left.Wait()
	client.Close()
	if outcome.failures.Load() > 0 {
		os.Exit(1)
	}
}
