package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// quietLog sends the HTTP library's own lines (broken handshakes, mostly) to
// the debug level: anyone who connects can cause them.
func quietLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }

// ImportPushCertificate implements [api.Operations]. The first certificate
// fixes the topic for the life of the installation.
func (s *Server) ImportPushCertificate(ctx context.Context, a fleet.Act, certPEM, keyPEM []byte) (api.PushCertificate, error) {
	s.pushMu.Lock()
	defer s.pushMu.Unlock()
	cert, err := apns.ParseCertificate(certPEM, keyPEM, s.o.Wall())
	if err != nil {
		return api.PushCertificate{}, &fleet.InvalidError{Field: "certificate", Code: "not-a-push-certificate", Message: err.Error(), Params: map[string]string{"detail": err.Error()}}
	}
	if topic := s.currentTopic(); topic != "" {
		if err := apns.CheckTopic(topic, cert.Topic); err != nil {
			return api.PushCertificate{}, &fleet.RefusedError{Code: "topic-change", Message: err.Error(), Params: map[string]string{"topic": topic, "other": cert.Topic}}
		}
	}
	if a.DryRun {
		return s.describePush(cert), nil
	}
	if err := writePushCertificate(filepath.Join(s.o.Data, keysDir), certPEM, keyPEM); err != nil {
		return api.PushCertificate{}, err
	}
	audit := pushAudit(cert, a, s.o.Wall())
	if s.currentTopic() == "" {
		err = s.store.SetTopic(ctx, cert.Topic, audit)
	} else {
		err = s.store.RecordAudit(ctx, storage.DefaultSegment, []storage.AuditEntry{audit})
	}
	if err != nil {
		return api.PushCertificate{}, fmt.Errorf("record push certificate: %w", err)
	}
	if err := s.pusher.use(cert); err != nil {
		return api.PushCertificate{}, fmt.Errorf("use push certificate: %w", err)
	}
	s.wakes.Resume()
	s.topicMu.Lock()
	s.topic = cert.Topic
	s.topicMu.Unlock()
	return s.pushCertificate(), nil
}

// writePushCertificate puts a checked certificate and its key into the folder
// of keys. They are one file, so that no crash leaves one without the other.
func writePushCertificate(keys string, certPEM, keyPEM []byte) error {
	return writePrivate(filepath.Join(keys, pushFile), slices.Concat(certPEM, []byte("\n"), keyPEM))
}

func pushAudit(cert apns.Certificate, a fleet.Act, at time.Time) storage.AuditEntry {
	return storage.AuditEntry{
		At: at.UTC(), Actor: a.Actor, Action: "push.certificate", Target: cert.Topic, Reason: a.Reason,
		Detail: map[string]string{"not_after": cert.NotAfter.UTC().Format(time.RFC3339)},
	}
}

func (s *Server) pushCertificate() api.PushCertificate {
	cert, ok := s.pusher.certificate()
	if !ok {
		return api.PushCertificate{Topic: s.currentTopic(), EnrolledTopic: s.currentTopic()}
	}
	return s.describePush(cert)
}

func (s *Server) describePush(cert apns.Certificate) api.PushCertificate {
	return api.PushCertificate{
		Topic: cert.Topic, EnrolledTopic: s.currentTopic(), NotAfter: cert.NotAfter, Installed: s.o.Wall().Before(cert.NotAfter),
		DaysLeft: int(cert.NotAfter.Sub(s.o.Wall()).Hours() / 24),
	}
}

// Backup implements [api.Operations].
func (s *Server) Backup(ctx context.Context, w io.Writer) (int64, error) {
	n, err := s.store.Backup(ctx, w)
	if err != nil {
		return n, fmt.Errorf("backup: %w", err)
	}
	return n, nil
}

// FetchFeeds implements [api.Operations].
func (s *Server) FetchFeeds(ctx context.Context, a fleet.Act) []api.FeedResult {
	return s.feeds.readNow(ctx, a)
}

// Health implements [api.Operations].
func (s *Server) Health(ctx context.Context) api.Health {
	stats, disk := s.wakes.Stats(), s.Disk()
	h := api.Health{
		Version: s.o.Version, URL: s.config.URL, Organization: s.config.Organization, Lab: s.instance.Lab, LegacyCrypto: s.config.LegacyCrypto, StartedAt: s.started.UTC(),
		Push: s.pushCertificate(), PushWaiting: stats.Waiting, PushSent: uint64(stats.Sent), //nolint:gosec // a count
		PushSentAt: stats.SentAt, PushProblem: stats.LastError, ProblemAt: stats.LastErrorAt,
		Disk: disk, Missing: []string{}, Feeds: s.feeds.views(),
	}
	if db, err := s.store.Stats(ctx); err != nil {
		s.o.Logger.ErrorContext(ctx, "describe database", "error", err)
	} else {
		h.Database = api.Database{
			Bytes: db.FileBytes, UsedBytes: int64(db.UsedPages) * int64(db.PageBytes), Commits: db.Commits, Operations: db.Operations,
		}
	}
	for _, f := range h.Feeds {
		if f.Stale {
			h.Missing = append(h.Missing, fmt.Sprintf("the feed %s at %s has given no good copy for two days, so newer releases may be unknown: %s", f.Kind, f.URL, cmp.Or(f.Problem, "it was not read yet")))
		}
	}
	if enrolled := s.currentTopic(); h.Push.Topic != enrolled {
		h.Missing = append(h.Missing, fmt.Sprintf("the push certificate in use is for topic %s, phones are enrolled with %s and cannot be woken: put the right certificate back or renew that entry at identity.apple.com/pushcert", h.Push.Topic, enrolled))
	}
	switch {
	case !h.Push.Installed && h.Push.Topic == "":
		h.Missing = append(h.Missing, missingPush)
	case !h.Push.Installed:
		h.Missing = append(h.Missing, "the push certificate has expired: phones cannot be woken; renew the same entry at identity.apple.com/pushcert and import it with `kannuki cert push import`")
	case h.Push.DaysLeft < int(expiryWarning/day):
		h.Missing = append(h.Missing, fmt.Sprintf("the push certificate ends in %d days; renew the same entry at identity.apple.com/pushcert", h.Push.DaysLeft))
	}
	return h
}

// missingPush tells the whole way to a push certificate, because Apple's pages
// leave out who has to sign the request.
const missingPush = "no push certificate: phones can neither enrol nor be woken. " +
	"1. `kannuki cert push request` makes a key and a request. " +
	"2. A holder of Apple's MDM vendor certificate signs the request (your MDM vendor, or mdmcert.download for organisations). " +
	"3. Upload the signed request at identity.apple.com/pushcert with an Apple account of the organisation. " +
	"4. `kannuki cert push import` takes the certificate that Apple gives"
