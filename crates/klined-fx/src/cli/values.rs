//! Values of flags as people write them.

/// A whole number that may have underscores between its digits.
pub fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let refused = || format!("\"{text}\" is not a whole number such as 1000 or 1_000_000");
    let is_number = text.starts_with(|first: char| first.is_ascii_digit()) && !text.ends_with('_');
    if !is_number || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        return Err(refused());
    }
    text.replace('_', "").parse().map_err(|_| refused())
}

/// True or false, however it is capitalised.
pub fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(format!("\"{text}\" is neither true nor false")),
    }
}
