package lang

// japanesePeople are the texts about who may act, and about acts that take two
// people.
func japanesePeople() []both {
	return []both{
		{"Who may use the server from elsewhere", "離れた場所からサーバーを使える人"},
		{"Make an API token for a person", "担当者のAPIトークンを作成する"},
		{"Make an API token for a person. The token is a secret: it is shown, or written to a new file that only you can read, " +
			"this once. Who made it is kept: whoever makes a token for somebody cannot act together with that person where two people are needed.", "担当者のAPIトークンを作成する。" +
			"トークンは秘密です。表示する（または本人だけが読める新しいファイルに書き込む）のは今回だけです。" +
			"作成した人も記録します。2名必要な操作で、作成した人とその担当者は2名とは数えません。"},
		{"whom it is for", "使う人"},
		{"name of the token (default: the person's name, with a number when it is taken)", "トークンの名前（既定：使う人の名前。使用済みなら番号付き）"},
		{"when it ends: +90d (the default), at most +365d", "有効期限：+90d（既定）、最長+365d"},
		{"file to write the token to, which must not exist; or table, json or csv to show it", "トークンを書き込むファイル（新規のみ）。table、json、csvなら画面に表示する"},
		{"Token %s of %s, until %s. It is shown nowhere else.", "トークン%s（%s）、有効期限%s。二度と表示されません。"},
		{"Wrote %s. Token %s of %s, until %s.", "%sに書き込みました。トークン%s（%s）、有効期限%s。"},
		{"List the API tokens, never their secrets", "APIトークンの一覧を表示する（秘密は表示しない）"},
		{"Person", "担当者"},
		{"State", "状態"},
		{"Made by", "作成した人"},
		{"Made", "作成日時"},
		{"Ends", "有効期限"},
		{"End an API token at once", "APIトークンをすぐに無効にする"},
		{"Revoked: token %s of %s.", "無効にしました：トークン%s（%s）。"},
		{"There is no token %q.", "トークン%qはありません。"},
		{"List: `kannuki token list`.", "一覧は`kannuki token list`です。"},
	}
}
