"""Keys that `cryptography` cannot make."""

SECP160R1 = """\
-----BEGIN PRIVATE KEY-----
MGECAQAwEAYHKoZIzj0CAQYFK4EEAAgESjBIAgEBBBUA7w2b7CM/pNFI5o9C3g9d
0lX1GaqhLAMqAASKVSgz3nI1/b35mQu9CunLi7kIpAFucmANmgAbsiZTO5NlbpS5
81Vl
-----END PRIVATE KEY-----
"""
"A private key of a curve that it does not know: made with OpenSSL for this, and of no other use."
