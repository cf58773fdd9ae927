package fleet

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// EvidenceFile tells a file that supports a result from any other. The file
// itself stays with the tester.
type EvidenceFile struct {
	Name   string `json:"name"`   // without folders, at most 200 characters
	SHA256 string `json:"sha256"` // 64 lower-case hexadecimal digits
}

// Limits of the files behind one result.
const (
	maxEvidenceFiles = 10
	maxFileName      = 200 // characters
	sha256Digits     = 64
)

// check refuses values no result can have, whatever phone it was found on.
func (r VerdictRequest) check(now time.Time) error {
	result, err := policy.ParseResult(r.Result)
	if err != nil {
		return notOneOf("result", r.Result, "works", "works-with-note", "broken")
	}
	if result != policy.ResultWorks && strings.TrimSpace(r.Note) == "" {
		return invalid("note", "note-missing", "say in a note what does not work")
	}
	if _, err := policy.ParseMethod(r.Method); r.Method != "" && err != nil {
		return notOneOf("method", r.Method, "full", "smoke", "automated", "pilot")
	}
	if err := r.madeOnce(); err != nil {
		return err
	}
	if !r.Expires.IsZero() && !r.Expires.After(now) {
		return invalid("expires", "expires-past", "%s is over: the result would count for nothing; want a later day, or none", r.Expires.UTC().Format(time.DateOnly)).
			with("date", r.Expires.UTC().Format(time.RFC3339))
	}
	if len(r.EvidenceFiles) > maxEvidenceFiles {
		most := strconv.Itoa(maxEvidenceFiles)
		return invalid("evidence_files", "too-many-files", "%d files: want at most %s", len(r.EvidenceFiles), most).with("most", most)
	}
	for _, file := range r.EvidenceFiles {
		if err := file.check(); err != nil {
			return err
		}
	}
	return nil
}

func (e EvidenceFile) check() error {
	odd := func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }
	if e.Name == "" || strings.ContainsFunc(e.Name, odd) || utf8.RuneCountInString(e.Name) > maxFileName {
		return invalid("evidence_files", "not-a-file-name", "%q: want the name of a file without its folders, at most %d characters", e.Name, maxFileName).
			with("value", e.Name, "most", strconv.Itoa(maxFileName))
	}
	if _, err := hex.DecodeString(e.SHA256); err != nil || len(e.SHA256) != sha256Digits || e.SHA256 != strings.ToLower(e.SHA256) {
		return invalid("evidence_files", "not-a-sha256", "%q: want the SHA-256 of %s, 64 lower-case hexadecimal digits", e.SHA256, e.Name).with("value", e.SHA256, "name", e.Name)
	}
	return nil
}

// storedEvidence returns the records of files, and their hashes for the audit
// log, which so proves later what the evidence was.
func storedEvidence(files []EvidenceFile) (records []storage.EvidenceFile, hashes string) {
	var all []string
	for _, f := range files {
		records = append(records, storage.EvidenceFile(f))
		all = append(all, f.SHA256)
	}
	return records, strings.Join(all, ",")
}
