package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// fillAtOnce is how many phones are filled in at the same time, so that they
// share commits.
const fillAtOnce = 256

// fill puts phones on record through the storage interface, with what enrolment
// leaves behind for each: a grant, a certificate, its audit entries, and a
// record like that of the phone that enrolled for real. The first so many of
// them can speak, and so many more have a certificate and are not enrolled.
func (s *site) fill(ctx context.Context, all, speaking, spare int) (err error) {
	keys, err := certs.OpenKeyring(filepath.Join(s.data, "keys"))
	if err != nil {
		return err
	}
	store, err := bolt.Open(s.database(), bolt.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(), s.weigh(context.WithoutCancel(ctx), s.all)) }()
	const enrolled = 2 // the phones of the foundation are among them
	n := all - enrolled
	s.all, s.phones, s.spare = all, make([]*phone, min(speaking, n)), make([]*phone, spare)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fillAtOnce)
	for i := range n + spare {
		f := filling{store: store, number: i, udid: fmt.Sprintf("00008110-%016X", i)}
		var slot **phone
		switch {
		case i < len(s.phones):
			slot = &s.phones[i]
		case i >= n:
			slot = &s.spare[i-n]
		}
		group.Go(func() error { return s.fillOne(ctx, f, keys, slot, i >= n) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("fill storage: %w", err)
	}
	return nil
}

// weigh sets how much of the database each of so many phones takes. It opens
// the file anew, because pages that the last writers gave up count as used until
// then.
func (s *site) weigh(ctx context.Context, phones int) error {
	store, err := bolt.Open(s.database(), bolt.Options{})
	if err != nil {
		return err
	}
	st, err := store.Stats(ctx)
	s.bytesPerPhone = float64(st.UsedPages*st.PageBytes) / float64(max(1, phones))
	return errors.Join(err, store.Close())
}

// filling is one phone on its way into storage.
type filling struct {
	store  *bolt.Store
	number int
	udid   string
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func (f filling) entry(actor, action, target string, detail map[string]string) storage.AuditEntry {
	return storage.AuditEntry{At: time.Now(), Actor: actor, Action: action, Target: target, Detail: detail}
}

func (s *site) fillOne(ctx context.Context, f filling, keys *certs.Keyring, slot **phone, spare bool) error {
	fingerprint := digest("certificate of " + f.udid)
	if slot != nil {
		p, err := newPhone(f.udid, keys, time.Now())
		if err != nil {
			return err
		}
		*slot, fingerprint = p, certs.Fingerprint(p.cert)
	}
	if err := f.certificate(ctx, fingerprint); err != nil || spare {
		return err
	}
	_, err := f.store.UpdateEnrollment(ctx, storage.DefaultSegment, f.udid, fingerprint, func(e *storage.Enrollment) error {
		p := s.pattern.production
		p.Num, p.UDID, p.Certificate, p.Serial = 0, f.udid, fingerprint, fmt.Sprintf("F2L%09d", f.number)
		ranBefore(&p, f.number)
		token := sha256.Sum256([]byte(f.udid))
		p.Push.Token, p.Push.Magic = token[:], digest(f.udid)[:36]
		e.Phone = &p
		e.Certificate.State, e.Certificate.Phone, e.Certificate.Epoch = storage.CertificateCurrent, f.udid, p.Epoch
		e.Audit = []storage.AuditEntry{
			f.entry("phone:"+f.udid, "phone.authenticated", f.udid, map[string]string{"grant": e.Grant.ID, "epoch": "1"}),
			f.entry("phone:"+f.udid, "phone.enrolled", f.udid, map[string]string{"group": p.Group, "ring": string(p.Ring)}),
		}
		return nil
	})
	return err
}

// ranBefore gives a phone the releases that one like it ran before, two to six, each
// for three weeks or so and no two phones at the same moments.
func ranBefore(p *storage.Phone, number int) {
	before := []string{"26.1", "26.2", "26.2.1", "26.3", "26.3.1", "26.4"}
	p.History = nil
	at := p.OS.Since
	for i := range 2 + number%(len(before)-1) {
		at = at.Add(-time.Duration(20*24*60+number*37%(9*24*60)+i*311) * time.Minute).Truncate(time.Second)
		p.History = append([]storage.Ran{{Version: before[len(before)-1-i], Since: at, Reasons: []string{"declaration"}}}, p.History...)
	}
	p.History[0].Reasons = nil // it enrolled with it
	p.EnrolledAt, p.OS.Reasons = at, []string{"declaration"}
}

// certificate records a grant and the certificate it led to.
func (f filling) certificate(ctx context.Context, fingerprint string) error {
	id, now := digest("grant for " + f.udid)[:32], time.Now()
	err := f.store.CreateGrant(ctx, storage.DefaultSegment, storage.Grant{
		ID: id, Group: group, Ring: storage.RingProduction, Rights: 7443, Purpose: storage.PurposeNew, CreatedBy: "uid:1000(tanaka)",
		CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour), LinkHash: digest("link " + id), ChallengeHash: digest("challenge " + id),
		PublicKey: digest("key " + id), ReservedAt: now,
	}, f.entry("uid:1000(tanaka)", "enrollment.link", id, map[string]string{"group": group}))
	if err != nil {
		return err
	}
	return f.store.RecordCertificate(ctx, storage.Certificate{
		Fingerprint: fingerprint, Serial: serialOf(f.udid).String(), Segment: storage.DefaultSegment, Grant: id,
		State: storage.CertificateIssued, IssuedAt: now, NotAfter: now.AddDate(2, 0, 0),
	}, f.entry("kannuki", "certificate.issued", fingerprint, map[string]string{"grant": id}))
}
