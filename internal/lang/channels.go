package lang

import "sync"

// ChannelFault returns the wording of what keeps a channel from sending, or why its
// receiver did not take a message (package server/notify), with placeholders for
// [Printer.Fill]. It is false for an unknown code.
func (p *Printer) ChannelFault(code string) (string, bool) {
	t, ok := channelFaultTexts()[code]
	return t.in(p.lang), ok
}

// channelFaultTexts name causes of the network and the system as [Printer.Cause] does.
var channelFaultTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"no-channel":      {"no such channel is configured", "この名前の通知先は設定にありません"},
		"not-a-url":       {"the address is not a URL", "アドレスがURLではありません"},
		"proxy-not-a-url": {"the proxy of the environment is not a URL", "環境変数のプロキシがURLではありません"},
		"allow-unusable":  {"allow: {cause}", "allow：{cause}"},
		"not-public": {
			"[{host}: ]it leads to {address}, which is not a public address; if it is right, name its network in the key allow of the channel",
			"[{host}の]接続先{address}は公開アドレスではありません。正しい場合は、そのネットワークを通知先のキーallowに加えてください",
		},
		"secret-unreadable": {"secret_file: {path}: {cause}", "secret_fileの{path}を読めません：{cause}"},
		"secret-open": {
			"secret_file: {path} is {mode}; it must be a file that only its owner can read (chmod 600)",
			"secret_file：{path}の権限は{mode}です。所有者だけが読めるファイルにしてください（chmod 600）",
		},
		"secret-length": {
			"secret_file: {path} holds {bytes} bytes, want {least} to {most}",
			"secret_file：{path}は{bytes}バイトです。{least}〜{most}バイトにしてください",
		},
		"system-roots":          {"the system's roots: {cause}", "システムのルート証明書を読めません：{cause}"},
		"roots-unreadable":      {"roots: {path}: {cause}", "rootsの{path}を読めません：{cause}"},
		"roots-not-a-file":      {"roots: {path} is {mode}; it must be a file", "roots：{path}（{mode}）はファイルではありません"},
		"roots-too-large":       {"roots: {path} is larger than {most} bytes", "roots：{path}が{most}バイトを超えています"},
		"roots-no-certificate":  {"roots: {path} holds no certificate", "roots：{path}に証明書がありません"},
		"receiver-unreachable":  {"{host}: {cause}", "{host}：{cause}"},
		"receiver-redirects":    {"{host} answered {answer}: redirects are not followed; configure the address it moved to", "{host}の応答は{answer}です。リダイレクトには従いません。移転先のアドレスを設定してください"},
		"receiver-did-not-take": {"{host} answered {answer}", "{host}の応答は{answer}です"},
	}
})
