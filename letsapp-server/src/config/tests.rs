use std::collections::HashMap;
use std::io::Write;

use super::*;

struct Told {
    arguments: Vec<&'static str>,
    environment: HashMap<&'static str, &'static str>,
    file: Option<&'static str>,
}

fn told(arguments: &[&'static str], environment: &[(&'static str, &'static str)], file: Option<&'static str>) -> Told {
    Told {
        arguments: arguments.to_vec(),
        environment: environment.iter().copied().collect(),
        file,
    }
}

impl Told {
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

    fn complaint(&self) -> String {
        match self.load() {
            Ok(Invocation::Answer(answer)) => {
                assert_eq!(answer.exit_code(), 2);
                answer.to_string()
            }
            Err(error) => error.to_string(),
            Ok(Invocation::Serve(config)) => panic!("accepted: {config:?}"),
        }
    }
}

#[test]
fn without_a_word_it_is_sqlite_in_the_data_directory_on_loopback() {
    let config = told(&[], &[], None).config();
    assert_eq!(config, Config::default());
    assert_eq!(config.store(), StoreUrl::Sqlite("./letsapp-data/letsapp.db".into()));
}

#[test]
fn a_flag_goes_over_the_environment_over_the_file_over_the_default() {
    let file = Some("listen = '1.1.1.1:1'\n[calls]\nring_timeout = '1s'\n[messages]\nedit_window = '1m'");
    assert_eq!(told(&[], &[], file).config().listen, "1.1.1.1:1");
    let environment = [("LETSAPP_LISTEN", "2.2.2.2:2"), ("LETSAPP_CALLS_RING_TIMEOUT", "2s")];
    let config = told(&[], &environment, file).config();
    assert_eq!(config.listen, "2.2.2.2:2");
    assert_eq!(config.calls_ring_timeout, Duration::from_secs(2));
    assert_eq!(config.rules.edit_window, Duration::from_secs(60));
    assert_eq!(
        told(&["--listen", "3.3.3.3:3"], &environment, file).config().listen,
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
fn the_first_line_of_a_complaint_names_what_is_wrong() {
    let cases: &[(Told, &str)] = &[
        (told(&["--lisen", "x"], &[], None), "--lisen"),
        (told(&["serve"], &[], None), "serve"),
        (told(&["--listen"], &[], None), "--listen"),
        (told(&["--listen", "8080"], &[], None), "--listen"),
        (told(&["--listen", "localhost:99999"], &[], None), "--listen"),
        (told(&["--admin-listen", ":1"], &[], None), "--admin-listen"),
        (told(&["--store", "postgres://x"], &[], None), "--store"),
        (told(&["--store", "mongodb://localhost"], &[], None), "--store"),
        (
            told(&["--store", "mongodb://localhost/?replicaSet=rs"], &[], None),
            "--store",
        ),
        (told(&["--store", "sqlite:"], &[], None), "--store"),
        (told(&["--data-dir", ""], &[], None), "--data-dir"),
        (told(&["--limits", "some"], &[], None), "--limits"),
        (
            told(&["--config", "/nowhere/letsapp.toml"], &[], None),
            "/nowhere/letsapp.toml",
        ),
        (told(&[], &[("LETSAPP_LIMITS", "")], None), "LETSAPP_LIMITS"),
        (
            told(&[], &[("LETSAPP_AUTH_ACCESS_TTL", "15")], None),
            "LETSAPP_AUTH_ACCESS_TTL",
        ),
        (
            told(&[], &[("LETSAPP_AUTH_ACCESS_TTL", "0s")], None),
            "LETSAPP_AUTH_ACCESS_TTL",
        ),
        (
            told(&[], &[("LETSAPP_HTTP_MAX_CONNECTIONS", "0")], None),
            "LETSAPP_HTTP_MAX_CONNECTIONS",
        ),
        (told(&[], &[], Some("colour = 'blue'")), "colour"),
        (told(&[], &[], Some("[calls]\nring = '1s'")), "[calls] ring"),
        (
            told(&[], &[], Some("[calls]\nring_timeout = 45")),
            "[calls] ring_timeout",
        ),
        (told(&[], &[], Some("listen = ['a']")), "listen"),
        (told(&[], &[], Some("listen = ")), "letsapp"),
    ];
    for (told, named) in cases {
        let complaint = told.complaint();
        let first = complaint.lines().next().unwrap_or_default();
        let named = if *named == "letsapp" { "tmp" } else { named };
        assert!(first.contains(named), "{named} is not in: {first}");
    }
}

#[test]
fn a_file_can_say_numbers_and_truths_plainly() {
    let config = told(
        &[],
        &[],
        Some("limits = false\n[http]\nmax_connections = 9\n[log]\nformat = 'json'"),
    )
    .config();
    assert_eq!(
        (config.limits, config.max_connections, config.log_format),
        (Limits::Off, 9, LogFormat::Json)
    );
}
