//! `#v=1&m=llama-3.2-3b&d=iphone-15-pro&os=18&ctx=4096&prompt=512`: a scenario as a link.
