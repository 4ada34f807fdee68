//! The estimators: each a small function of returns or volumes, its formula in its description.

use super::series::QUARTERS_PER_DAY;

/// Mean; 0 of nothing.
#[must_use]
pub fn mean(x: &[f64]) -> f64 {
    if x.is_empty() { 0.0 } else { x.iter().sum::<f64>() / x.len() as f64 }
}

/// Central moment m_k = mean (x − x̄)^k.
#[must_use]
pub fn moment(x: &[f64], k: i32) -> f64 {
    let centre = mean(x);
    x.iter().map(|x| (x - centre).powi(k)).sum::<f64>() / x.len().max(1) as f64
}

/// m2.
#[must_use]
pub fn variance(x: &[f64]) -> f64 {
    moment(x, 2)
}

/// Excess kurtosis m4/m2² − 3.
#[must_use]
pub fn kurtosis(x: &[f64]) -> f64 {
    moment(x, 4) / variance(x).powi(2) - 3.0
}

/// Skewness m3/m2^1.5.
#[must_use]
pub fn skewness(x: &[f64]) -> f64 {
    moment(x, 3) / variance(x).powf(1.5)
}

/// Hill's tail index of |x|: α = 1/mean ln(x_i/x_k) over the k = p·n largest; NaN of fewer than two values.
#[must_use]
pub fn hill(x: &[f64], p: f64) -> f64 {
    if x.len() < 2 {
        return f64::NAN;
    }
    let mut sizes: Vec<f64> = x.iter().map(|x| x.abs()).collect();
    sizes.sort_by(|one, other| other.total_cmp(one));
    let k = ((p * sizes.len() as f64) as usize).clamp(1, sizes.len() - 1);
    let logs: Vec<f64> = sizes[..k].iter().map(|x| (x / sizes[k]).ln()).collect();
    1.0 / mean(&logs)
}

/// Autocorrelation at a lag: mean(x_t x_{t+k})/mean(x²), demeaned.
#[must_use]
pub fn autocorrelation(x: &[f64], lag: usize) -> f64 {
    let centre = mean(x);
    let products: f64 = x.iter().zip(&x[lag.min(x.len())..]).map(|(a, b)| (a - centre) * (b - centre)).sum();
    products / x.len().saturating_sub(lag).max(1) as f64 / variance(x)
}

/// Pearson's correlation.
#[must_use]
pub fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (centre_x, centre_y) = (mean(x), mean(y));
    let product = x.iter().zip(y).map(|(a, b)| (a - centre_x) * (b - centre_y)).sum::<f64>() / x.len().max(1) as f64;
    product / (variance(x) * variance(y)).sqrt()
}

/// Median; the mean of the two in the middle of an even number.
#[must_use]
pub fn median(mut x: Vec<f64>) -> f64 {
    x.retain(|x| x.is_finite());
    if x.is_empty() {
        return f64::NAN;
    }
    x.sort_by(f64::total_cmp);
    0.5 * (x[(x.len() - 1) / 2] + x[x.len() / 2])
}

/// Sums of each `n` neighbours; what is left over at the end is dropped.
#[must_use]
pub fn sums(x: &[f64], n: usize) -> Vec<f64> {
    x.chunks_exact(n).map(|part| part.iter().sum()).collect()
}

/// Deseasonalised: each value over the root mean square of its quarter-hour of the day.
#[must_use]
pub fn deseasonalised(x: &[f64]) -> Vec<f64> {
    let mut squares = [0.0; QUARTERS_PER_DAY];
    for (place, x) in x.iter().enumerate() {
        squares[place % QUARTERS_PER_DAY] += x * x;
    }
    let days = (x.len() / QUARTERS_PER_DAY).max(1) as f64;
    let sizes = squares.map(|sum| (sum / days).sqrt().max(1e-300));
    x.iter().enumerate().map(|(place, x)| x / sizes[place % QUARTERS_PER_DAY]).collect()
}

/// Each value less the mean of its quarter-hour of the day.
#[must_use]
pub fn centred_by_quarter(x: &[f64]) -> Vec<f64> {
    let mut totals = [0.0; QUARTERS_PER_DAY];
    for (place, x) in x.iter().enumerate() {
        totals[place % QUARTERS_PER_DAY] += x;
    }
    let days = (x.len() / QUARTERS_PER_DAY).max(1) as f64;
    x.iter().enumerate().map(|(place, x)| x - totals[place % QUARTERS_PER_DAY] / days).collect()
}

/// 25 lags from 4 to 320, evenly spaced in logs.
#[must_use]
pub fn long_lags() -> Vec<usize> {
    (0..25).map(|i| (4.0 * 80_f64.powf(f64::from(i) / 24.0)).round() as usize).collect()
}

/// The exponent of a decay: minus the least-squares slope of ln value on ln lag, over the values above 0.
#[must_use]
pub fn decay_exponent(lags: &[usize], values: &[f64]) -> f64 {
    let points = lags.iter().zip(values).filter(|(_, value)| **value > 0.0);
    let (x, y): (Vec<f64>, Vec<f64>) = points.map(|(&lag, value)| ((lag as f64).ln(), value.ln())).unzip();
    -correlation(&x, &y) * (variance(&y) / variance(&x)).sqrt()
}

/// Element by element mean of series of equal length.
#[must_use]
pub fn equal_weight(series: &[Vec<f64>]) -> Vec<f64> {
    let length = series.iter().map(Vec::len).min().unwrap_or(0);
    (0..length).map(|t| series.iter().map(|x| x[t]).sum::<f64>() / series.len() as f64).collect()
}
