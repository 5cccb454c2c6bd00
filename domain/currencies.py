"""The currencies that can be charged in, and how much at once."""

_WITHOUT_DECIMALS = (
    *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
)
_WITH_TWO = (
    *("aed", "all", "amd", "ang", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn", "bmd", "bnd", "bob"),
    *("brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "cny", "cop", "crc", "cve", "czk", "dkk"),
    *("dop", "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gtq", "gyd", "hkd"),
    *("hnl", "htg", "huf", "idr", "ils", "inr", "jmd", "kes", "kgs", "khr", "kyd", "kzt", "lak", "lbp"),
    *("lkr", "lrd", "lsl", "mad", "mdl", "mkd", "mmk", "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr"),
    *("mzn", "nad", "ngn", "nio", "nok", "npr", "nzd", "pab", "pen", "pgk", "php", "pkr", "pln", "qar"),
    *("ron", "rsd", "sar", "sbd", "scr", "sek", "sgd", "shp", "sos", "srd", "szl", "thb", "tjs", "top"),
    *("try", "ttd", "twd", "tzs", "uah", "usd", "uyu", "uzs", "wst", "xcd", "yer", "zar", "zmw"),
)
DECIMALS = dict.fromkeys(_WITHOUT_DECIMALS, 0) | dict.fromkeys(_WITH_TWO, 2)
"""Digits after the point. Left out are currencies that payment providers count in other units than ISO 4217 does."""

MAX_AMOUNT = 99_999_999
"""Eight digits of minor units: the most that payment providers take."""
