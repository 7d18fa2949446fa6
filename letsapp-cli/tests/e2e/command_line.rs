//! Tests of the program `letsapp`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Cli, Proxy, Server, ana_and_ben};

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

#[tokio::test]
async fn register_log_out_and_log_in() {
    let server = Server::start().await;
    let cli = Cli::at(&server.url());
    let ended = cli
        .run(
            &["register", "ana", "--password-stdin", "--display-name", "Ana A."],
            "a long password\n",
        )
        .await;
    assert_eq!(
        ended.stdout,
        format!("signed in at {} as Ana A. (@ana)\n", server.url())
    );
    assert_eq!(
        cli.ok(&["whoami"]).await,
        format!("Ana A. (@ana) at {}\n", server.url())
    );
    assert_eq!(cli.json(&["whoami"]).await[0]["username"], "ana");

    let kept = files(cli.path());
    assert!(kept.len() >= 2, "{kept:?}");
    for path in kept {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        let mode = std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", path.parent().unwrap().display());
    }

    assert_eq!(cli.ok(&["logout"]).await, "signed out\n");
    let ended = cli.run(&["whoami"], "").await;
    let line = format!("letsapp: not signed in at {}: run `letsapp login`\n", server.url());
    assert_eq!((ended.code, ended.stderr), (3, line));
    assert_eq!(
        cli.run(&["login", "ana", "--password-stdin"], "wrong password\n")
            .await
            .code,
        1
    );
    assert_eq!(
        cli.run(&["login", "ana", "--password-stdin"], "a long password\n")
            .await
            .code,
        0
    );
    assert_eq!(cli.json(&["sessions"]).await.len(), 1);
}

#[tokio::test]
async fn failures_have_an_exit_code_and_a_one_line_message() {
    let server = Server::start().await;
    let (ana, _ben) = ana_and_ben(&server).await;
    let nowhere = ["--server", "http://127.0.0.1:9", "login", "ana", "--password-stdin"];
    let table: [(&[&str], i32); 9] = [
        (&["send", "nobody", "hi"], 1),
        (&["send", "ben", ""], 1),
        (&["register", "ana", "--password-stdin"], 1),
        (&["register", "x", "--password-stdin"], 1),
        (&["login", "ana"], 2),
        (&["chat", "ben", "--json"], 2),
        (&["--server", "http://127.0.0.1:9", "whoami"], 3),
        (&["group", "members", "no such group"], 1),
        (&nowhere, 4),
    ];
    for (arguments, code) in table {
        let ended = ana.run(arguments, "a long password\n").await;
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("letsapp: "), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
    for arguments in [&["dance"][..], &["send", "ben"], &["history", "ben", "--limit", "0"]] {
        assert_eq!(ana.run(arguments, "").await.code, 2, "{arguments:?}");
    }
}

#[tokio::test]
async fn deletions_need_a_confirmation() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    ana.ok(&["group", "create", "Tea", "ben"]).await;
    ana.ok(&["send", "ben", "hello"]).await;
    assert_eq!(ana.run(&["group", "delete", "Tea"], "y\n").await.code, 2, "no terminal");
    assert_eq!(
        ben.run(&["group", "delete", "Tea", "--yes"], "").await.code,
        1,
        "not the owner"
    );
    assert_eq!(ana.ok(&["group", "delete", "Tea", "--yes"]).await, "deleted\n");
    for cli in [&ana, &ben] {
        assert_eq!(cli.json(&["chats"]).await.len(), 1, "the direct conversation");
    }
    let delete = ["account", "delete", "--password-stdin"];
    let confirmed = [&delete[..], &["--yes"]].concat();
    assert_eq!(ana.run(&delete, "a long password\n").await.code, 2, "no terminal");
    assert_eq!(ana.run(&confirmed, "wrong password\n").await.code, 1);
    let ended = ana.run(&confirmed, "a long password\n").await;
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (0, "deleted\n", "")
    );
    assert_eq!(ana.run(&["whoami"], "").await.code, 3);
    let login = ["login", "ana", "--password-stdin"];
    assert_eq!(ana.run(&login, "a long password\n").await.code, 1);
    let chats = ben.json(&["chats"]).await;
    assert_eq!(chats[0]["peer"]["deleted"], true);
}

#[tokio::test]
async fn messages_are_sent_and_read_as_text_and_json() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    assert_eq!(ana.ok(&["send", "ben", "hello", "there"]).await, "✓ #1\n");
    assert_eq!(ana.ok(&["send", "@ben", "--", "-x", "is", "a", "flag"]).await, "✓ #2\n");
    let piped = ana.run(&["send", "ben", "-", "--json"], "two\nlines\n").await;
    assert!(piped.stdout.contains(r#""body":"two\nlines""#), "{}", piped.stdout);

    let lines = ben.ok(&["history", "ana"]).await;
    let words: Vec<_> = lines.lines().map(|line| line.rsplit("] ").next().unwrap()).collect();
    assert_eq!(
        words,
        [
            "#1 ana: hello there",
            "#2 ana: -x is a flag",
            "#3 ana: two",
            "        lines"
        ]
    );
    let newest = ben.json(&["history", "ana", "--limit", "2"]).await;
    assert_eq!(
        newest
            .iter()
            .map(|message| message["seq"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [2, 3]
    );
    let chats = ben.json(&["chats"]).await;
    assert_eq!(
        (&chats[0]["me"]["unread"], &chats[0]["peer"]["username"]),
        (&3.into(), &"ana".into())
    );
    assert!(ben.ok(&["chats", "--unread"]).await.starts_with("ana (3)"));
    assert_eq!(ben.json(&["users", "an"]).await[0]["username"], "ana");
    let id = chats[0]["id"].as_str().unwrap();
    assert_eq!(ben.ok(&["send", id, "by id"]).await, "✓ #4\n");
}

#[tokio::test]
async fn messages_are_searched() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    ana.ok(&["group", "create", "The Club", "ben"]).await;
    ana.ok(&["send", "ben", "Tea at the Café?"]).await;
    ben.ok(&["send", "The Club", "no tea today"]).await;
    ana.ok(&["send", "The Club", "a teapot"]).await;

    let shown = ana.ok(&["search", "tea"]).await;
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(
        lines[0].starts_with("The Club [") && lines[0].ends_with("] #2 ben: no tea today"),
        "{shown}"
    );
    assert!(
        lines[1].starts_with("ben [") && lines[1].ends_with("] #1 you: Tea at the Café?"),
        "{shown}"
    );
    let hits = ana.json(&["search", "CAFE", "tea", "--in", "ben"]).await;
    assert_eq!(hits.len(), 1);
    assert_eq!(
        hits[0]["highlights"][1],
        serde_json::json!({"field": "body", "start": 11, "end": 15})
    );
    let hits = ana.json(&["search", "tea", "--from", "ben", "--in", "The Club"]).await;
    assert_eq!((hits.len(), &hits[0]["message"]["body"]), (1, &"no tea today".into()));
    assert_eq!(ana.json(&["search", "tea", "--limit", "1"]).await.len(), 1);
    assert_eq!(
        ana.json(&["search", "tea", "--before", "2000-01-01T00:00:00Z"])
            .await
            .len(),
        0
    );
    assert_eq!(ana.ok(&["search", "coffee"]).await, "no messages found\n");
    assert_eq!(ana.run(&["search", " "], "").await.code, 1);
    assert_eq!(ana.run(&["search", "tea", "--after", "yesterday"], "").await.code, 2);
}

#[tokio::test]
async fn a_message_is_sent_once_even_if_replies_are_lost() {
    let server = Server::start().await;
    let (_ana, ben) = ana_and_ben(&server).await;
    let proxy = Proxy::in_front_of(server.address).await;
    let far = Cli::at(&proxy.url());
    far.run(&["login", "ana", "--password-stdin"], "a long password\n")
        .await;
    proxy.cut().await;
    assert_eq!(far.run(&["send", "ben", "zeroth"], "").await.code, 4, "unreachable");
    proxy.restore();
    far.ok(&["send", "ben", "first"]).await;

    proxy.drop_replies_to("/messages");
    let mut sending = far.start(&["send", "ben", "second"]);
    while ben.json(&["history", "ana"]).await.len() < 2 {}
    proxy.cut().await;
    proxy.restore();
    sending.shows("✓ #2").await;
    assert_eq!(sending.end().await, 0);
    let history = ben.json(&["history", "ana"]).await;
    let bodies: Vec<_> = history
        .iter()
        .map(|message| message["body"].as_str().unwrap())
        .collect();
    assert_eq!(bodies, ["first", "second"]);
}

#[tokio::test]
async fn groups_are_created_and_changed() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    let carol = Cli::at(&server.url());
    carol.register("carol").await;
    let id = ana
        .ok(&["group", "create", "The Club", "ben"])
        .await
        .trim_end()
        .to_owned();
    assert!(
        ana.ok(&["group", "add", "the club", "carol"])
            .await
            .starts_with("carol  ")
    );
    assert_eq!(ana.ok(&["send", "The Club", "welcome"]).await, "✓ #3\n");
    let members = carol.json(&["group", "members", &id]).await;
    let roles: Vec<_> = members.iter().map(|member| member["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["owner", "member", "member"]);
    assert_eq!(ana.ok(&["group", "remove", &id, "carol"]).await, "removed\n");
    assert_eq!(ben.ok(&["group", "leave", "The Club"]).await, "left\n");
    assert_eq!(ben.run(&["send", &id, "still here?"], "").await.code, 1);
    let history = ana.ok(&["history", "The Club"]).await;
    for words in ["you created the group", "you added", "you removed", "left"] {
        assert!(history.contains(words), "{words:?} is not in {history}");
    }
}

#[tokio::test]
async fn groups_that_were_left_are_listed_and_removed_by_title() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    ana.ok(&["group", "create", "The Club", "ben"]).await;
    assert_eq!(ben.ok(&["chats", "--left"]).await, "");
    assert_eq!(ben.ok(&["group", "leave", "The Club"]).await, "left\n");
    // Another group of that title, which the one that was left must not be taken for.
    ana.ok(&["group", "create", "The Club", "ben"]).await;
    let left = ben.json(&["chats", "--left"]).await;
    assert_eq!(left.len(), 1);
    assert!(left[0]["me"]["left_at"].is_string());
    assert_eq!(ben.ok(&["group", "unlist", "The Club"]).await, "no longer listed\n");
    assert_eq!(ben.ok(&["chats", "--left"]).await, "");
    assert_eq!(ben.json(&["chats"]).await.len(), 1);
    let refused = ben.run(&["group", "unlist", "The Club"], "").await;
    assert_eq!(refused.code, 1, "a member has to leave first: {}", refused.stderr);
}

#[tokio::test]
async fn contacts_are_listed_with_their_aliases() {
    let server = Server::start().await;
    let (ana, _ben) = ana_and_ben(&server).await;
    assert_eq!(ana.ok(&["contacts"]).await, "");
    assert!(
        ana.ok(&["contacts", "add", "ben", "--as", "Benny"])
            .await
            .starts_with("Benny: ben  ")
    );
    let listed = ana.json(&["contacts", "list"]).await;
    assert_eq!(
        (&listed[0]["alias"], &listed[0]["user"]["username"]),
        (&"Benny".into(), &"ben".into())
    );
    assert!(ana.ok(&["contacts", "add", "@ben"]).await.starts_with("ben  "));
    assert_eq!(ana.run(&["contacts", "add", "ben", "--as", ""], "").await.code, 1);
    assert_eq!(ana.run(&["contacts", "add", "ana"], "").await.code, 1, "own account");
    assert_eq!(ana.ok(&["contacts", "remove", "ben"]).await, "removed\n");
    assert_eq!(ana.ok(&["contacts"]).await, "");
}

#[tokio::test]
async fn a_blocked_user_is_refused_until_the_block_is_removed() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    assert_eq!(ana.ok(&["block", "ben"]).await, "blocked\n");
    assert!(ana.ok(&["blocks"]).await.starts_with("ben, since "));
    assert_eq!(ana.json(&["blocks"]).await[0]["user"]["username"], "ben");
    let refused = ben.run(&["send", "ana", "psst"], "").await;
    assert_eq!(refused.code, 1);
    assert!(!refused.stderr.contains("block"), "{}", refused.stderr);
    assert_eq!(ana.ok(&["unblock", "ben"]).await, "unblocked\n");
    assert_eq!(ben.ok(&["send", "ana", "psst"]).await, "✓ #1\n");
    assert_eq!(ana.ok(&["blocks"]).await, "");
}

#[tokio::test]
async fn profile_and_settings_are_shown_and_changed() {
    let server = Server::start().await;
    let (ana, _) = ana_and_ben(&server).await;
    assert_eq!(
        ana.ok(&["settings"]).await,
        "last-seen      everyone\ngroups         everyone\nread-receipts  on\n"
    );
    ana.ok(&["settings", "read-receipts", "off"]).await;
    let changed = ana.json(&["settings", "last-seen", "nobody"]).await;
    assert_eq!(
        changed[0],
        serde_json::json!({"last_seen": "nobody", "read_receipts": false, "groups": "everyone"})
    );
    let changed = ana.json(&["settings", "groups", "contacts"]).await;
    assert_eq!(changed[0]["groups"], "contacts");
    assert_eq!(ana.run(&["settings", "last-seen", "friends"], "").await.code, 2);
    let shown = ana
        .ok(&[
            "profile",
            "--display-name",
            "Ana A.",
            "--about",
            "Tea.",
            "--email",
            "ana@example.org",
        ])
        .await;
    assert_eq!(shown, "Ana A. (@ana)\nTea.\nana@example.org\n");
    assert_eq!(ana.ok(&["profile", "--no-email"]).await, "Ana A. (@ana)\nTea.\n");
    assert_eq!(ana.ok(&["profile"]).await, "Ana A. (@ana)\nTea.\n");
    assert_eq!(ana.run(&["profile", "--email", "nonsense"], "").await.code, 1);
}

#[tokio::test]
async fn listen_shows_events_until_it_is_interrupted() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    let mut listening = ben.start(&["listen", "--json"]);
    listening.shows(r#""event":"caught_up""#).await;
    ana.ok(&["send", "ben", "psst"]).await;
    // The first message shows the conversation to Ben.
    listening.shows(r#""event":"conversation.updated""#).await;
    let line = listening.shows("psst").await;
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&event["event"], &event["data"]["body"]),
        (&"message.created".into(), &"psst".into())
    );
    listening.interrupt();
    assert_eq!(listening.end().await, 0);

    let mut listening = ben.start(&["listen"]);
    listening.shows("listening").await;
    ana.ok(&["send", "ben", "again"]).await;
    assert!(listening.shows("again").await.starts_with("ana: ["));
    ben.ok(&["logout"]).await;
    assert_eq!(listening.end().await, 3);
}

#[tokio::test]
async fn presence_is_shown_and_watched() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    assert_eq!(
        ana.ok(&["presence", "ben", "ana"]).await,
        "ben: offline\nana: offline\n"
    );
    let mut watching = ana.start(&["presence", "--watch", "@ben", "--json"]);
    watching.shows(r#""status":"offline""#).await;
    let listening = ben.start(&["listen"]);
    watching.shows(r#""status":"online""#).await;
    assert_eq!(ana.json(&["presence", "ben"]).await[0]["status"], "online");
    watching.interrupt();
    assert_eq!(watching.end().await, 0);
    listening.interrupt();
    let ended = ana.run(&["presence", "nobody"], "").await;
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (1, "letsapp: there is no user nobody\n")
    );
}

#[tokio::test]
async fn two_users_chat() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    ben.ok(&["send", "ana", "are you there?"]).await;
    let mut ana_chat = ana.start(&["chat", "ben"]);
    ana_chat.shows("#1 ben: are you there?").await;
    let mut ben_chat = ben.start(&["chat", "ana"]);
    ben_chat.shows("#1 you: are you there?").await;
    ana_chat.types("yes");
    ana_chat.shows("#2 you: yes").await;
    ben_chat.shows("#2 ana: yes").await;
    ana_chat.shows("✓✓ read #2").await;
    ben_chat.types("/react 👍");
    ana_chat.shows("#2 has [👍 1]").await;
    ana_chat.types("/edit yes!");
    ben_chat.shows("#2 by ana was edited: yes!").await;
    ben_chat.types("/reply #2 fine");
    ana_chat.shows("#3 ben: fine (to #2)").await;
    ana_chat.types("/delete");
    ben_chat.shows("#2 was deleted").await;
    ana_chat.types("/dance");
    ana_chat.shows("✗ there is no command /dance").await;
    ben_chat.types("/quit");
    assert_eq!(ben_chat.end().await, 0);
    ana_chat.types("typed at the very end");
    assert_eq!(ana_chat.end().await, 0);
    assert!(
        ben.ok(&["history", "ana"]).await.contains("typed at the very end"),
        "sent before the program ended"
    );
}

#[tokio::test]
async fn a_chat_survives_an_interruption() {
    let server = Server::start().await;
    let (_, ben) = ana_and_ben(&server).await;
    let proxy = Proxy::in_front_of(server.address).await;
    let far = Cli::at(&proxy.url());
    far.run(&["login", "ana", "--password-stdin"], "a long password\n")
        .await;
    let mut chat = far.start(&["chat", "ben"]);
    chat.types("one");
    chat.shows("#1 you: one").await;
    proxy.cut().await;
    chat.shows("no connection").await;
    chat.types("two");
    ben.ok(&["send", "ana", "three"]).await;
    proxy.restore();
    chat.shows("connected again").await;
    chat.shows("#2 ben: three").await;
    chat.shows("#3 you: two").await;
    assert_eq!(chat.end().await, 0);
}

#[tokio::test]
async fn hostile_text_is_sanitized() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    ana.ok(&["send", "ben", "a\u{202e}b\n[00:00] #9 boss: c"]).await;
    let shown = ben.ok(&["history", "ana"]).await;
    assert!(
        !shown.contains('\u{202e}') && shown.lines().all(|line| !line.starts_with("[00:00]")),
        "{shown:?}"
    );
}

#[tokio::test]
async fn two_processes_can_refresh_at_the_same_time() {
    let server = Server::start().await;
    let (ana, _) = ana_and_ben(&server).await;
    for round in 0..3 {
        let tokens = files(ana.path())
            .into_iter()
            .find(|path| path.extension().is_some_and(|end| end == "json"))
            .unwrap();
        let mut kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&tokens).unwrap()).unwrap();
        kept["access_token"] = format!("stale {round}").into();
        std::fs::write(&tokens, kept.to_string()).unwrap();
        let (a, b, c) = tokio::join!(ana.ok(&["whoami"]), ana.ok(&["chats"]), ana.ok(&["whoami"]));
        assert_eq!((a, b.as_str()), (c, ""));
    }
}

#[tokio::test]
async fn completions_and_help_need_no_server() {
    let nowhere = Cli::at("http://127.0.0.1:9");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(nowhere.ok(&["completions", shell]).await.contains("letsapp"), "{shell}");
    }
    let help = nowhere.ok(&["--help"]).await;
    assert!(
        help.contains("Exit codes:") && help.contains("LETSAPP_CONFIG_DIR"),
        "{help}"
    );
}
