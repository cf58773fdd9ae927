package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What phones send their messages as (Apple, Device Management).
const (
	pathCheckin  = "/mdm/checkin"
	pathCommand  = "/mdm/command"
	mediaCheckin = "application/x-apple-aspen-mdm-checkin"
	mediaCommand = "application/x-apple-aspen-mdm; charset=UTF-8"
)

// exchangeLimit bounds one request, so that a server that hangs ends the run.
const exchangeLimit = 30 * time.Second

// session is one connection of a phone: plain HTTP, as behind a proxy that
// ends TLS, with every message signed.
type session struct {
	phone *phone
	conn  net.Conn
	in    *bufio.Reader
	took  []time.Duration // of each request, signing not counted
}

// dial opens a session.
func dial(ctx context.Context, address string, p *phone) (*session, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &session{phone: p, conn: conn, in: bufio.NewReader(conn)}, nil
}

func (s *session) close() { _ = s.conn.Close() } // all that was asked has been answered

// statusError is an answer that is not 200.
type statusError int

func (e statusError) Error() string { return "answered " + strconv.Itoa(int(e)) }

// put sends a message and returns the answer.
func (s *session) put(path, media string, body []byte) ([]byte, error) {
	signature, err := s.phone.sign(body, time.Now())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nMdm-Signature: %s\r\nContent-Length: %d\r\n\r\n",
		path, media, signature, len(body))
	b.Write(body)
	start := time.Now()
	if err := s.conn.SetDeadline(start.Add(exchangeLimit)); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	if _, err := s.conn.Write(b.Bytes()); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	resp, err := http.ReadResponse(s.in, nil) //nolint:bodyclose // read to its end; the connection stays the session's
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	s.took = append(s.took, time.Since(start))
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(resp.StatusCode)
	}
	return answer, nil
}

// maxCommands bounds what a phone answers in one session.
const maxCommands = 20

// poll asks for commands and acknowledges each until there is none. It returns
// how many it acknowledged.
func (s *session) poll() (int, error) {
	answer, err := s.put(pathCommand, mediaCommand, plist(text("Status", "Idle"), text("UDID", s.phone.udid)))
	for n := 0; ; n++ {
		if err != nil || len(answer) == 0 {
			return n, err
		}
		if n == maxCommands {
			return n, fmt.Errorf("%d commands in one session", n)
		}
		answer, err = s.put(pathCommand, mediaCommand, s.phone.acknowledge(answer))
	}
}

// acknowledge answers a command the way an idle phone does: with what the
// server knows of it already.
func (p *phone) acknowledge(command []byte) []byte {
	keys := []string{text("CommandUUID", valueOf(command, "CommandUUID")), text("Status", "Acknowledged"), text("UDID", p.udid)}
	switch valueOf(command, "RequestType") {
	case "DeviceInformation":
		keys = append(keys, "<key>QueryResponses</key><dict>"+text("UDID", p.udid)+text("OSVersion", p.version)+
			text("BuildVersion", p.build)+text("SupplementalBuildVersion", p.build)+text("ProductName", model)+
			"<key>IsSupervised</key><true/><key>AvailableDeviceCapacity</key><real>41.5</real><key>BatteryLevel</key><real>0.8</real>"+
			text("TimeZone", timeZone)+
			// As much as a phone answers to a few more queries: 1.7 KB in all.
			text("ModelName", strings.Repeat("iPhone ", 150))+"</dict>")
	case "InstalledApplicationList":
		keys = append(keys, "<key>InstalledApplicationList</key><array><dict>"+text("Identifier", appID)+
			text("Version", appVersion)+text("ShortVersion", appVersion)+"</dict></array>")
	}
	return plist(keys...)
}

// enrol sends what a phone with a certificate sends to enrol.
func (s *session) enrol(topic string) error {
	_, err := s.put(pathCheckin, mediaCheckin, plist(
		text("MessageType", "Authenticate"), text("UDID", s.phone.udid), text("Topic", topic), text("OSVersion", s.phone.version),
		text("BuildVersion", s.phone.build), text("ProductName", model), text("SerialNumber", "S"+s.phone.udid),
	))
	if err != nil {
		return err
	}
	data := func(name, value string) string {
		return "<key>" + name + "</key><data>" + base64.StdEncoding.EncodeToString([]byte(value)) + "</data>"
	}
	_, err = s.put(pathCheckin, mediaCheckin, plist(
		text("MessageType", "TokenUpdate"), text("UDID", s.phone.udid), text("Topic", topic), text("PushMagic", "magic of "+s.phone.udid),
		data("Token", s.phone.udid), data("UnlockToken", strings.Repeat("unlock", 300)),
	))
	return err
}

// report sends a declarative status report of an update under way, which names
// the version the phone runs.
func (s *session) report(version, build string) error {
	status := fmt.Sprintf(`{"StatusItems":{"device":{"operating-system":{"version":%q,"build-version":%q}},`+
		`"softwareupdate":{"install-state":"none"}},"Errors":[]}`, version, build)
	_, err := s.put(pathCheckin, mediaCheckin, plist(
		text("MessageType", "DeclarativeManagement"), text("UDID", s.phone.udid), text("Endpoint", "status"),
		"<key>Data</key><data>"+base64.StdEncoding.EncodeToString([]byte(status))+"</data>",
	))
	return err
}

// text is one key with a string that needs no escaping.
func text(name, value string) string { return "<key>" + name + "</key><string>" + value + "</string>" }

func plist(keys ...string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n" +
		`<plist version="1.0"><dict>` + strings.Join(keys, "") + `</dict></plist>`)
}

// valueOf finds the string of a key in a command; the server is trusted here.
func valueOf(command []byte, name string) string {
	_, rest, _ := bytes.Cut(command, []byte("<key>"+name+"</key>"))
	_, rest, _ = bytes.Cut(rest, []byte("<string>"))
	value, _, _ := bytes.Cut(rest, []byte("</string>"))
	return string(value)
}
