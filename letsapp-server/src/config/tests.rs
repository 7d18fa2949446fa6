use std::collections::HashMap;
use std::io::Write;

use letsapp_core::domain::limit::{Class, Quota};

use super::*;

struct Sources {
    arguments: Vec<&'static str>,
    environment: HashMap<&'static str, &'static str>,
    file: Option<&'static str>,
}

fn sources(
    arguments: &[&'static str],
    environment: &[(&'static str, &'static str)],
    file: Option<&'static str>,
) -> Sources {
    Sources {
        arguments: arguments.to_vec(),
        environment: environment.iter().copied().collect(),
        file,
    }
}

impl Sources {
    fn load(&self) -> Result<Invocation, ConfigError> {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        let mut arguments = vec![OsString::from("letsapp-server")];
        if let Some(text) = self.file {
            written.write_all(text.as_bytes()).unwrap();
            arguments.extend(["--config".into(), written.path().into()]);
        }
        arguments.extend(self.arguments.iter().map(OsString::from));
        Config::load(arguments, |name| self.environment.get(name).map(OsString::from))
    }

    fn config(&self) -> Config {
        match self.load() {
            Ok(Invocation::Serve(config)) => *config,
            other => panic!("not a configuration: {other:?}"),
        }
    }

    fn error_text(&self) -> String {
        match self.load() {
            Ok(Invocation::Answer(answer)) => {
                assert_eq!(answer.exit_code(), 2);
                answer.to_string()
            }
            Err(error) => error.to_string(),
            Ok(Invocation::Serve(config) | Invocation::Run(_, config)) => panic!("accepted: {config:?}"),
        }
    }
}

#[test]
fn the_default_is_sqlite_in_the_data_directory_on_loopback() {
    let config = sources(&[], &[], None).config();
    assert_eq!(config, Config::default());
    assert_eq!(config.store(), StoreUrl::Sqlite("./letsapp-data/letsapp.db".into()));
}

#[test]
fn a_flag_overrides_the_environment_overrides_the_file_overrides_the_default() {
    let file = Some("listen = '1.1.1.1:1'\n[calls]\nring_timeout = '1s'\n[messages]\nedit_window = '1m'");
    assert_eq!(sources(&[], &[], file).config().listen, "1.1.1.1:1");
    let environment = [("LETSAPP_LISTEN", "2.2.2.2:2"), ("LETSAPP_CALLS_RING_TIMEOUT", "2s")];
    let config = sources(&[], &environment, file).config();
    assert_eq!(config.listen, "2.2.2.2:2");
    assert_eq!(config.calls_ring_timeout, Duration::from_secs(2));
    assert_eq!(config.rules.edit_window, Duration::from_secs(60));
    assert_eq!(
        sources(&["--listen", "3.3.3.3:3"], &environment, file).config().listen,
        "3.3.3.3:3"
    );
}

#[test]
fn every_setting_has_an_environment_name_and_a_key() {
    for setting in settings::ALL {
        let value = match setting.form {
            "ADDR" => "localhost:7",
            "URL" => "memory:",
            "DIR" => "/tmp/elsewhere",
            "on|off" => "off",
            "text|json" => "json",
            "NUMBER" => "7",
            "DURATION" => "7s",
            "NAMES" => "letsapp,metrics.internal",
            "PLACE" => "file:/tmp/elsewhere",
            "BUS" => "redis://redis.internal:6379",
            "tcp://HOST:PORT|unix:PATH" => "unix:/run/clamd",
            "refuse|take" => "take",
            "TYPES" => "image/*,!image/svg+xml",
            "BYTES" => "7",
            "NETWORKS" => "10.0.0.0/8,::1",
            "x-forwarded-for|forwarded" => "forwarded",
            "NUMBER/DURATION" => "7/7s",
            "NUMBER/DURATION/DURATION" => "7/7s/7m",
            form => panic!("{form} is no form"),
        };
        let by = |config: Config| assert_ne!(config, Config::default(), "{}", setting.name);
        let variable = setting.variable();
        let environment = |name: &str| (name == variable).then(|| OsString::from(value));
        let Ok(Invocation::Serve(config)) = Config::load(["letsapp-server".into()], environment) else {
            panic!("{variable} is not taken");
        };
        by(*config);
        let mut config = Config::default();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "{} = '{value}'", setting.name).unwrap();
        file::apply(file.path(), &mut config).unwrap();
        by(config);
    }
}

#[test]
fn the_first_line_of_an_error_names_the_setting() {
    let cases: &[(Sources, &str)] = &[
        (sources(&["--lisen", "x"], &[], None), "--lisen"),
        (sources(&["serve"], &[], None), "serve"),
        (sources(&["--listen"], &[], None), "--listen"),
        (sources(&["--listen", "8080"], &[], None), "--listen"),
        (sources(&["--listen", "localhost:99999"], &[], None), "--listen"),
        (sources(&["--admin-listen", ":1"], &[], None), "--admin-listen"),
        (sources(&["--store", "postgres://x"], &[], None), "--store"),
        (sources(&["--store", "mongodb://localhost"], &[], None), "--store"),
        (
            sources(&["--store", "mongodb://localhost/?replicaSet=rs"], &[], None),
            "--store",
        ),
        (sources(&["--store", "sqlite:"], &[], None), "--store"),
        (sources(&["--data-dir", ""], &[], None), "--data-dir"),
        (sources(&["--limits", "some"], &[], None), "--limits"),
        (
            sources(&["--config", "/nowhere/letsapp.toml"], &[], None),
            "/nowhere/letsapp.toml",
        ),
        (sources(&[], &[("LETSAPP_LIMITS", "")], None), "LETSAPP_LIMITS"),
        (
            sources(&[], &[("LETSAPP_AUTH_ACCESS_TTL", "15")], None),
            "LETSAPP_AUTH_ACCESS_TTL",
        ),
        (
            sources(&[], &[("LETSAPP_AUTH_ACCESS_TTL", "0s")], None),
            "LETSAPP_AUTH_ACCESS_TTL",
        ),
        (
            sources(&[], &[("LETSAPP_HTTP_MAX_CONNECTIONS", "0")], None),
            "LETSAPP_HTTP_MAX_CONNECTIONS",
        ),
        (
            sources(&[], &[("LETSAPP_HTTP_MAX_CONNECTIONS_PER_ADDRESS", "many")], None),
            "LETSAPP_HTTP_MAX_CONNECTIONS_PER_ADDRESS",
        ),
        (
            sources(&[], &[("LETSAPP_MAX_SOCKETS_PER_USER", "0")], None),
            "LETSAPP_MAX_SOCKETS_PER_USER",
        ),
        (
            sources(&[], &[("LETSAPP_LIMITS_WRITES", "7")], None),
            "LETSAPP_LIMITS_WRITES",
        ),
        (
            sources(&[], &[("LETSAPP_LIMITS_WRITES", "0/1s")], None),
            "LETSAPP_LIMITS_WRITES",
        ),
        (
            sources(&[], &[("LETSAPP_LIMITS_WRITES", "7/0s")], None),
            "LETSAPP_LIMITS_WRITES",
        ),
        (
            sources(&[], &[("LETSAPP_LIMITS_WRITES", "7/soon")], None),
            "LETSAPP_LIMITS_WRITES",
        ),
        (
            sources(&[], &[("LETSAPP_LIMITS_FAILURES", "5/1s")], None),
            "LETSAPP_LIMITS_FAILURES",
        ),
        (
            sources(&[], &[("LETSAPP_LIMITS_FAILURES", "5/9s/1s")], None),
            "LETSAPP_LIMITS_FAILURES",
        ),
        (
            sources(&[], &[("LETSAPP_HTTP_TRUSTED_PROXIES", "proxy")], None),
            "LETSAPP_HTTP_TRUSTED_PROXIES",
        ),
        (
            sources(&[], &[("LETSAPP_HTTP_FORWARDED_HEADER", "via")], None),
            "LETSAPP_HTTP_FORWARDED_HEADER",
        ),
        (sources(&[], &[], Some("[limits]\nwrite = '1/1s'")), "[limits] write"),
        (sources(&[], &[], Some("[limits]\nenabled = 7")), "[limits] enabled"),
        (sources(&[], &[], Some("[listen]\nport = 7")), "[listen] port"),
        (
            sources(&[], &[], Some("limits = 'off'\n[limits]\nwrites = '1/1s'")),
            "letsapp",
        ),
        (sources(&[], &[], Some("colour = 'blue'")), "colour"),
        (sources(&[], &[], Some("[calls]\nring = '1s'")), "[calls] ring"),
        (
            sources(&[], &[], Some("[calls]\nring_timeout = 45")),
            "[calls] ring_timeout",
        ),
        (sources(&[], &[], Some("listen = ['a']")), "listen"),
        (sources(&[], &[], Some("listen = ")), "letsapp"),
    ];
    for (sources, named) in cases {
        let error_text = sources.error_text();
        let first = error_text.lines().next().unwrap_or_default();
        let named = if *named == "letsapp" { "tmp" } else { named };
        assert!(first.contains(named), "{named} is not in: {first}");
    }
}

#[test]
fn every_limit_has_its_own_setting() {
    for class in Class::ALL {
        let variable = format!("LETSAPP_LIMITS_{}", class.as_str().to_uppercase());
        let environment = |name: &str| (name == variable).then(|| OsString::from("7/9s"));
        let Ok(Invocation::Serve(config)) = Config::load(["letsapp-server".into()], environment) else {
            panic!("{variable} is not taken");
        };
        let mut expected = Config::default();
        expected.limit_table.set(*class, Quota::new(7, Duration::from_secs(9)));
        assert_eq!(*config, expected, "{variable}");
    }
}

#[test]
fn limits_are_turned_off_one_by_one_or_all_together() {
    let config = sources(
        &[],
        &[("LETSAPP_LIMITS_WRITES", "off"), ("LETSAPP_LIMITS_FAILURES", "off")],
        None,
    )
    .config();
    assert_eq!(config.limits, Limits::On);
    assert_eq!(
        (config.limit_table.quota(Class::Writes), config.limit_table.failures),
        (None, None)
    );
    let section = Some("[limits]\nenabled = false\nwrites = '7/9s'\nfailures = '3/2s/1m'");
    let config = sources(&[], &[], section).config();
    assert_eq!(config.limits, Limits::Off);
    assert_eq!(
        config.limit_table.quota(Class::Writes),
        Quota::new(7, Duration::from_secs(9))
    );
    let failures = config.limit_table.failures.unwrap();
    assert_eq!((failures.free, failures.longest), (3, Duration::from_secs(60)));
    let on = sources(&["--limits", "on"], &[], section).config();
    assert_eq!(on.limits, Limits::On, "a flag goes over the file, however that says it");
}

#[test]
fn a_file_may_use_numbers_and_booleans() {
    let config = sources(
        &[],
        &[],
        Some("limits = false\n[http]\nmax_connections = 9\n[max]\nsockets_per_user = 3\n[log]\nformat = 'json'"),
    )
    .config();
    assert_eq!(
        (
            config.limits,
            config.max_connections,
            config.max_sockets_per_user,
            config.log_format
        ),
        (Limits::Off, 9, 3, LogFormat::Json)
    );
}

#[test]
fn the_password_of_a_store_is_not_in_errors() {
    for url in [
        "mongodb://ana:s3cret@db.internal",
        "mongodb://ana:s3@cret@db.internal/",
        "mongo://ana:s3cret@db.internal/chat?authSource=s3cret",
        "ana:s3cret@db.internal/chat",
    ] {
        for sources in [
            sources(&["--store", url], &[], None),
            sources(&[], &[("LETSAPP_STORE", url)], None),
            sources(&[], &[], Some(String::leak(format!("store = '{url}'")))),
            sources(&["--stroe", url], &[], None),
            sources(&[String::leak(format!("--stroe={url}"))], &[], None),
            sources(&[url], &[], None),
        ] {
            let text = sources.error_text();
            assert!(!text.contains("s3") && !text.contains("cret"), "{text}");
        }
    }
    let text = sources(&["--store", "mongodb://ana:s3cret@db.internal"], &[], None).error_text();
    assert!(text.contains("mongodb://…@db.internal"), "{text}");
    let config = sources(&["--store", "mongodb://ana:s3cret@db.internal/chat"], &[], None).config();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn a_command_takes_the_settings_of_the_server_before_and_after_it() {
    for arguments in [
        &["--store", "memory:", "media", "rescan"][..],
        &["media", "--store", "memory:", "rescan"],
        &["media", "rescan", "--store", "memory:"],
    ] {
        let Ok(Invocation::Run(command, config)) = sources(arguments, &[], None).load() else {
            panic!("no command: {arguments:?}");
        };
        assert_eq!(config.store(), StoreUrl::Memory, "{arguments:?}");
        let (scanned_before, report) = (None, Report::Text);
        assert_eq!(command, Command::Rescan { scanned_before, report });
    }
    let arguments = ["media", "rescan", "--json", "--scanned-before", "2026-11-22T09:00:00Z"];
    let Ok(Invocation::Run(command, _)) = sources(&arguments, &[], None).load() else {
        panic!("no command");
    };
    let scanned_before = "2026-11-22T09:00:00.000Z".parse().ok();
    let report = Report::Json;
    assert_eq!(command, Command::Rescan { scanned_before, report });
    for wrong in [
        &["media"][..],
        &["media", "scan"],
        &["media", "rescan", "--scanned-before", "yesterday"],
        &["media", "rescan", "--fast"],
        &["--json"],
    ] {
        assert!(!sources(wrong, &[], None).error_text().is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_bus_is_none_or_redis_or_the_stores_own() {
    let bus = |value: &str| -> Result<Config, String> {
        let environment = |name: &str| (name == "LETSAPP_BUS").then(|| OsString::from(value));
        match Config::load(["letsapp-server".into()], environment) {
            Ok(Invocation::Serve(config)) => Ok(*config),
            Ok(_) => panic!("it serves"),
            Err(error) => Err(error.to_string()),
        }
    };
    assert_eq!(bus("local:").unwrap().bus, BusUrl::Local);
    assert_eq!(bus("mongodb:").unwrap().bus, BusUrl::MongoDb);
    for url in ["redis://:secret@a,b?prefix=chat", "rediss://a"] {
        let config = bus(url).unwrap();
        assert_eq!(config.bus, BusUrl::Redis(url.to_owned()));
        assert!(!format!("{config:?}").contains("secret"));
    }
    for (value, shown) in [
        ("redis:", "redis:"),
        ("redis://", "redis://"),
        ("nats://me:secret@a", "nats://…@a"),
    ] {
        let expected = format!("LETSAPP_BUS: '{shown}' is not local:, redis://HOST, rediss://HOST or mongodb:");
        assert_eq!(bus(value).unwrap_err(), expected);
    }
}
