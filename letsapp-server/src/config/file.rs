//! Reads the configuration file, which is TOML.

use std::ffi::OsStr;
use std::path::Path;

use toml::{Table, Value};

use super::{Config, ConfigError, settings};

/// Sets the file's settings in `config`.
pub(super) fn apply(path: &Path, config: &mut Config) -> Result<(), ConfigError> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::new(&origin, error.to_string()))?;
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| ConfigError::new(&origin, error.message()))?;
    for (key, value) in &table {
        match value {
            Value::Table(section) => {
                for (name, value) in section {
                    set(
                        config,
                        &format!("[{key}] {name} in {origin}"),
                        &in_section(key, name),
                        value,
                    )?;
                }
            }
            value => set(config, &format!("{key} in {origin}"), key, value)?,
        }
    }
    Ok(())
}

/// Returns the name of the setting for a key in a section. TOML allows no key and section of the same name, so in a
/// section named like a setting the key `enabled` is that setting: `[limits] enabled = false` means `limits = "off"`.
fn in_section(section: &str, key: &str) -> String {
    if key == "enabled" && settings::ALL.iter().any(|setting| setting.name == section) {
        return section.to_owned();
    }
    format!("{section}_{key}")
}

fn set(config: &mut Config, origin: &str, name: &str, value: &Value) -> Result<(), ConfigError> {
    let setting = settings::ALL.iter().find(|setting| setting.name == name);
    let setting = setting.ok_or_else(|| ConfigError::new(origin, "unknown setting"))?;
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Integer(_) | Value::Boolean(_) | Value::Float(_) => value.to_string(),
        _ => {
            return Err(ConfigError::new(
                origin,
                format!("must be a single value: {}", setting.form),
            ));
        }
    };
    setting.set(config, origin, OsStr::new(&value))
}
