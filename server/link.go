package server

import (
	"errors"
	"net/http"

	"github.com/kannuki-mdm/kannuki/enroll"
)

// serveLink hands out the enrolment profile of a one-time link.
func (s *Server) serveLink(w http.ResponseWriter, r *http.Request) {
	profile, err := s.enroll.ProfileForLink(r.Context(), r.PathValue("secret"))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	switch {
	case errors.Is(err, enroll.ErrLinkSpent):
		writeText(w, http.StatusGone, linkSpentText)
	case err != nil:
		s.o.Logger.ErrorContext(r.Context(), "enrolment link", "error", err)
		writeText(w, http.StatusServiceUnavailable, linkFaultText)
	default:
		w.Header().Set("Content-Type", "application/x-apple-aspen-config")
		w.Header().Set("Content-Disposition", `attachment; filename="enroll.mobileconfig"`)
		if _, err := w.Write(profile); err != nil { //nolint:gosec // a property list of ours, served as a download
			s.o.Logger.DebugContext(r.Context(), "profile not delivered", "error", err)
		}
	}
}

// What a person sees who opens a link that leads nowhere, in both languages.
const (
	linkSpentText = "This enrollment link has been used, has expired, or is incomplete. Open it as it was sent, or ask your IT desk for a new one.\n" +
		"この登録用リンクは使用済みか、有効期限が切れているか、途中で切れています。届いたとおりに開き直すか、情報システム部に新しいリンクを依頼してください。\n"
	linkFaultText = "The enrollment profile cannot be made right now. Try again in a few minutes.\n" +
		"今は登録用プロファイルを用意できません。数分後にもう一度お試しください。\n"
)

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the connection is gone or it is not; nothing else can be told
}
