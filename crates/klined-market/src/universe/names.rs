//! Company names: a coined word of three syllables that sound Chinese, the trade, and how the company calls itself.
//!
//! The syllables are chosen so that no neighbours among them spell a well-known company; a test goes through all of them.

use rand_chacha::ChaCha8Rng;

use super::lots::below;

const SYLLABLES: [&str; 31] = [
    "bai", "cen", "dai", "geng", "jue", "kui", "kuo", "lan", "liao", "ling", "mian", "miao", "mo", "nian", "nuo",
    "pan", "pei", "que", "ran", "rong", "ruo", "shuo", "sui", "teng", "tuo", "wan", "xie", "xun", "yin", "yue", "zhe",
];
/// What may stand behind the trade; half of the names end with it.
const ENDINGS: [&str; 8] = ["", "", "", "", " Group", " Holdings", " Co.", " Co."];

/// Every coined word, in capitals, ascending and each once.
fn coined_words() -> Vec<String> {
    let mut words = Vec::with_capacity(SYLLABLES.len().pow(3));
    for first in SYLLABLES {
        for second in SYLLABLES.into_iter().filter(|&second| second != first) {
            for third in SYLLABLES.into_iter().filter(|&third| third != second) {
                let (head, tail) = first.split_at(1);
                words.push(format!("{}{tail}{second}{third}", head.to_ascii_uppercase()));
            }
        }
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// Coined words, drawn without replacement.
pub(super) struct CoinedNames(Vec<String>);

impl CoinedNames {
    pub(super) fn new() -> Self {
        Self(coined_words())
    }

    /// A word that has not been drawn yet. There are five times as many as the largest universe needs.
    pub(super) fn draw(&mut self, stream: &mut ChaCha8Rng) -> String {
        let left = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.swap_remove(below(stream, left) as usize)
    }
}

/// The name of a company of some trade.
pub(super) fn company(word: &str, trades: &[&str], stream: &mut ChaCha8Rng) -> String {
    let trade = trades[below(stream, trades.len() as u32) as usize];
    let ending = ENDINGS[below(stream, ENDINGS.len() as u32) as usize];
    format!("{word} {trade}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is distinctive in the names of well-known companies of mainland China and Hong Kong, as they write them.
    const WELL_KNOWN: &str = "\
        moutai wuliangye luzhou laojiao yanghe fenjiu gujing jiannan shede yili mengniu bright haitian \
        shuanghui tsingtao yanjing vanke poly gemdale evergrande greenland longfor seazen midea gree haier \
        hisense supor robam joyoung ecovacs roborock byd saic changan geely greatwall dongfeng seres beiqi \
        foton yutong fuyao catl gotion eve sunwoda ganfeng tianqi huayou zijin shandong baosteel angang \
        shougang hikvision dahua iflytek sugon inspur lenovo huawei xiaomi tencent alibaba baidu meituan \
        pinduoduo kuaishou netease zte fiberhome hengtong zhongtian smic hygon cambricon montage gigadevice \
        naura amec jcet tongfu huatian luxshare goertek lens boe tcl tianma visionox longi tongwei jinko \
        trina sungrow jasolar ginlong goodwe deye goldwind mingyang hengrui mindray aier wuxi asymchem \
        pharmaron tigermed fosun yunnan baiyao pianzaihuang tongrentang changchun zhifei walvax kangtai \
        hualan beigene junshi innovent conch huaxin yuhong sany zoomlion xcmg liugong wanhua hengli \
        rongsheng hengyi tongkun satellite hualu citic huatai haitong guotai ping minsheng sinopec \
        petrochina shenhua yankuang muyuan wens focus zhuoyue";

    #[test]
    fn no_coined_word_holds_the_name_of_a_well_known_company() {
        let words = coined_words();
        for word in &words {
            let lower = word.to_ascii_lowercase();
            let real = WELL_KNOWN.split_whitespace().find(|real| lower.contains(real));
            assert_eq!(real, None, "{word}");
        }
        assert!(words.len() > 5 * usize::from(super::super::codes::LISTED), "{}", words.len());
    }
}
