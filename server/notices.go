package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/server/notify"
	"github.com/kannuki-mdm/kannuki/storage"
)

// located puts the line and column of the key at fault before an error about a
// channel, in the way of the YAML library's own errors.
func located(text []byte, err error) error {
	e, ok := errors.AsType[*notify.KeyError](err)
	if !ok {
		return err
	}
	channel := fmt.Sprintf("$.notify[%d]", e.Channel)
	for _, path := range []string{channel + "." + e.Key, channel} { // a key that is missing has no place
		at, pathErr := yaml.PathString(path)
		file, parseErr := parser.ParseBytes(text, 0)
		if pathErr != nil || parseErr != nil {
			continue
		}
		if node, findErr := at.FilterFile(file); findErr == nil && node != nil {
			p := node.GetToken().Position
			return fmt.Errorf("[%d:%d] %w", p.Line, p.Column, err)
		}
	}
	return err
}

// newChannels returns the channels that notices go out by.
func (s *Server) newChannels() *notify.Channels {
	return notify.New(notify.Options{
		Channels: s.config.Notify, Installation: s.instance.ID, Location: s.config.location(),
		Proxy: proxy(s.o.Getenv, s.config.Proxy), Wall: s.o.Wall, Logger: s.o.Logger, PutOff: s.putOff,
		Paused: s.channelPaused,
	})
}

// channelPaused reports whether a person paused a channel.
func (s *Server) channelPaused(seg storage.Segment, name string) bool {
	return s.fleet.ChannelPaused(seg, name)
}

// putOff returns for how long, by the wall clock, no channel is to carry a notice:
// in a lab policy time passes at another speed.
func (s *Server) putOff(seg storage.Segment, n storage.Notice) time.Duration {
	return time.Duration(float64(s.fleet.PutOff(seg, n)) / s.config.Lab.speed())
}

// newDelivery returns the worker that drains the channels.
func (s *Server) newDelivery() *notify.Worker {
	return notify.NewWorker(s.channels, s.store, rand.Float64)
}

// Channels implements [api.Operations].
func (s *Server) Channels(seg storage.Segment) []string { return s.channels.Names(seg) }

// UnmatchedFilters implements [api.Operations].
func (s *Server) UnmatchedFilters(ctx context.Context, seg storage.Segment) ([]api.UnmatchedFilter, error) {
	all, err := s.unmatched(ctx)
	own := s.channels.Names(seg)
	out := []api.UnmatchedFilter{}
	for _, u := range all {
		if u.Key == notify.KeySegment || slices.Contains(own, u.Channel) {
			out = append(out, api.UnmatchedFilter(u))
		}
	}
	return out, err
}

// unmatched returns what the filters of all channels name that there is not.
func (s *Server) unmatched(ctx context.Context) ([]notify.Unmatched, error) {
	segments, err := s.store.Segments(ctx)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	names := map[storage.Segment][]string{}
	for _, seg := range segments {
		groups, err := s.fleet.Groups(seg)
		if err != nil {
			return nil, fmt.Errorf("list groups: %w", err)
		}
		names[seg] = []string{}
		for _, g := range groups {
			names[seg] = append(names[seg], g.Name)
		}
	}
	return s.channels.Unmatched(names), nil
}

// warnOfFilters logs what the filters of channels name that there is not: they let
// nothing through for it.
func (s *Server) warnOfFilters(ctx context.Context) {
	unmatched, err := s.unmatched(ctx)
	if err != nil {
		s.o.Logger.ErrorContext(ctx, "look at the filters of channels", "error", err)
	}
	for _, u := range unmatched {
		s.o.Logger.WarnContext(ctx, "a channel's filter names what there is not", "channel", u.Channel, "key", u.Key, "value", u.Value)
	}
}

// warnOfChannels logs which channels cannot send anything by their settings.
func (s *Server) warnOfChannels(ctx context.Context) {
	for _, name := range s.channels.All() {
		if _, err := s.channels.Probe(name); err != nil {
			s.o.Logger.WarnContext(ctx, "a channel cannot send", "channel", name, "problem", err)
		}
	}
}

// warnOfBetaPrograms logs which policies name a beta program that the configuration
// does not have: their verification phones take part in none. It logs too which tokens
// others on this machine can read.
func (s *Server) warnOfBetaPrograms(ctx context.Context) {
	for _, p := range s.config.BetaPrograms {
		if info, err := os.Stat(p.TokenFile); err == nil && info.Mode().Perm()&0o077 != 0 { // a file that is gone was told of
			s.o.Logger.WarnContext(ctx, "others can read the token of a beta program: chmod 600", "program", p.Name, "file", p.TokenFile, "mode", info.Mode().String())
		}
	}
	segments, err := s.store.Segments(ctx)
	for _, seg := range segments {
		var policies []fleet.PolicyView
		if policies, err = s.fleet.Policies(seg); err != nil {
			break
		}
		for _, p := range policies {
			if p.BetaMissing {
				s.o.Logger.WarnContext(ctx, "a policy's beta program is not in the configuration", "segment", seg, "policy", p.Name, "program", p.BetaProgram)
			}
		}
	}
	if err != nil {
		s.o.Logger.ErrorContext(ctx, "look at the beta programs of policies", "error", err)
	}
}

// TestChannel implements [api.Operations].
func (s *Server) TestChannel(ctx context.Context, seg storage.Segment, a fleet.Act, name string) (api.ChannelTest, error) {
	done := api.ChannelTest{Channel: name, ID: uuid.NewString(), DryRun: a.DryRun}
	if a.DryRun {
		known, err := s.channels.Probe(name)
		if !known || !slices.Contains(s.channels.Names(seg), name) {
			return done, &fleet.NotFoundError{What: "channel", Name: name}
		}
		setProblem(&done, err)
		return done, nil
	}
	answer, known, sendErr := s.channels.Test(ctx, name, done.ID, seg)
	if !known {
		return done, &fleet.NotFoundError{What: "channel", Name: name}
	}
	outcome := "sent"
	if done.Sent, done.Answer = sendErr == nil, answer; sendErr != nil {
		outcome = "failed"
	}
	setProblem(&done, sendErr)
	entry := storage.AuditEntry{
		At: s.o.Wall().UTC(), Actor: a.Actor, Action: "notice.test", Target: name, Reason: a.Reason,
		Detail: map[string]string{"id": done.ID, "outcome": outcome},
	}
	if err := s.store.RecordAudit(ctx, seg, []storage.AuditEntry{entry}); err != nil {
		return done, fmt.Errorf("record test of a channel: %w", err)
	}
	return done, nil
}

// setProblem says why a channel cannot send, if it cannot.
func setProblem(to *api.ChannelTest, err error) {
	if err == nil {
		return
	}
	to.Problem = err.Error()
	if f, ok := errors.AsType[*notify.FaultError](err); ok {
		to.Detail, to.Params = f.Code, f.Params
	}
}
