package notify

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	hook := Config{Type: TypeWebhook, URL: "https://hooks.example.co.jp/x?key=1", SecretFile: "s"}
	with := func(change func(*Config)) []Config {
		c := hook
		change(&c)
		return []Config{c}
	}
	many := make([]Config, 21)
	for i := range many {
		many[i] = Config{Type: TypeLog, Name: fmt.Sprint(i)}
	}
	for name, tt := range map[string]struct {
		channels []Config
		want     string // channel and key at fault, "" for none
	}{
		"nothing":              {nil, ""},
		"both types":           {[]Config{{Type: TypeLog}, hook}, ""},
		"two of a type":        {[]Config{hook, {Type: TypeWebhook, Name: "other", URL: hook.URL, SecretFile: "s"}}, ""},
		"loopback without TLS": {with(func(c *Config) { c.URL = "http://127.0.0.1:8080/x" }), ""},
		"all keys": {with(func(c *Config) {
			c.Kinds, c.Groups, c.Language, c.Roots = []string{"hold.*"}, []string{"sales"}, "ja", "r"
		}), ""},
		"networks":                   {with(func(c *Config) { c.Allow = []string{"10.1.2.0/24", "10.9.9.9", "fd00::/8"} }), ""},
		"no type":                    {[]Config{{}}, "0 type"},
		"unknown type":               {[]Config{hook, {Type: "mail"}}, "1 type"},
		"name that is none":          {with(func(c *Config) { c.Name = "Chat room" }), "0 name"},
		"name twice":                 {[]Config{{Type: TypeLog}, {Type: TypeLog}}, "1 name"},
		"unknown kind":               {with(func(c *Config) { c.Kinds = []string{"hold.alarm", "hold.alram"} }), "0 kinds"},
		"unknown family":             {with(func(c *Config) { c.Kinds = []string{"holds.*"} }), "0 kinds"},
		"everything is no family":    {with(func(c *Config) { c.Kinds = []string{"*"} }), "0 kinds"},
		"empty group":                {with(func(c *Config) { c.Groups = []string{""} }), "0 groups"},
		"language":                   {with(func(c *Config) { c.Language = "de" }), "0 language"},
		"no URL":                     {with(func(c *Config) { c.URL = "" }), "0 url"},
		"URL without TLS":            {with(func(c *Config) { c.URL = "http://hooks.example.co.jp/" }), "0 url"},
		"URL of a file":              {with(func(c *Config) { c.URL = "file:///etc/passwd" }), "0 url"},
		"URL with a password":        {with(func(c *Config) { c.URL = "https://me:pw@hooks.example.co.jp/" }), "0 url"},
		"URL that looks like a host": {with(func(c *Config) { c.URL = "http://localhost.example.co.jp/" }), "0 url"},
		"no secret":                  {with(func(c *Config) { c.SecretFile = "" }), "0 secret_file"},
		"network that is none":       {with(func(c *Config) { c.Allow = []string{"10.1.2"} }), "0 allow"},
		"network of a name":          {with(func(c *Config) { c.Allow = []string{"hooks.example.co.jp"} }), "0 allow"},
		"log with a URL":             {[]Config{{Type: TypeLog, URL: hook.URL}}, "0 url"},
		"log with networks":          {[]Config{{Type: TypeLog, Allow: []string{"10.0.0.0/8"}}}, "0 allow"},
		"too many":                   {many, "20 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := "", Check(tt.channels, []string{"hold.alarm", "phone.leaked"})
			if e, ok := errors.AsType[*KeyError](err); ok {
				got = fmt.Sprint(e.Channel, " ", e.Key)
			} else if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got fault at %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestFor(t *testing.T) {
	t.Parallel()
	c := New(Options{Channels: []Config{
		{Type: TypeLog},
		{Type: TypeLog, Name: "holds", Kinds: []string{"hold.*", "phone.leaked"}},
		{Type: TypeLog, Name: "sales", Groups: []string{"sales"}},
		{Type: TypeLog, Name: "other", Segment: "other", Groups: []string{"sales"}},
	}})
	for _, tt := range []struct {
		kind, group string
		want        []string
	}{
		{"hold.alarm", "sales", []string{"log", "holds", "sales"}},
		{"hold.alarm", "depot", []string{"log", "holds"}},
		{"hold.alarm", "", []string{"log", "holds"}},
		{"phone.leaked", "depot", []string{"log", "holds"}},
		{"phone.leaked.more", "depot", []string{"log"}},
		{"holdx", "sales", []string{"log", "sales"}},
	} {
		wantDiff(t, tt.kind+" of "+tt.group, c.For(seg, tt.kind, tt.group), tt.want)
	}
	wantDiff(t, "another segment", c.For("other", "hold.alarm", "sales"), []string{"log", "holds", "sales", "other"})
	wantDiff(t, "channels", c.Names(seg), []string{"log", "holds", "sales"})
}

// TestUnmatched: what a filter names is looked for where the channel's notices
// come from.
func TestUnmatched(t *testing.T) {
	t.Parallel()
	c := New(Options{Channels: []Config{
		{Type: TypeLog, Groups: []string{"sales", "salse", "depot"}},
		{Type: TypeLog, Name: "b", Segment: "b", Groups: []string{"depot", "sales"}},
		{Type: TypeLog, Name: "c", Segment: "c", Groups: []string{"sales"}},
		{Type: TypeLog, Name: "d"},
	}})
	got := c.Unmatched(map[storage.Segment][]string{seg: {"sales"}, "b": {"depot"}})
	wantDiff(t, "unmatched", got, []Unmatched{{"log", KeyGroups, "salse"}, {"b", KeyGroups, "sales"}, {"c", KeySegment, "c"}})
}
