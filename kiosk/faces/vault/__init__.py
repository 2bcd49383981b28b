"""The encrypted store of people: names, numbers, templates, and whose alias is whose.

Keys: `keys` and `keyring` unlock the installation, from a TPM, a credential, a passphrase or a
recovery code (`sources`, `tpm`, `storekey`, `recovery`); `rekey` and `keychange` put others in
their place; `envelope` seals single records.
People: `store` on `core` keeps each part of a person in a table of its own, sealed as `codec` says,
in the file that `database` opens; vectors are kept under a secret rotation (`transform`, `renew`).
`proving` reads and proves all of it at opening, `gallery` holds the templates in RAM.
Going away: `erase` proves an erasure, `retention` counts the days of who does not come any more.
Copies: `backup` and `restore` carry a vault elsewhere, `rollback` notices an older one.
Nothing outside the faces process opens the vault, and nothing in it is readable without the key.
docs/vault.md tells it from outside.
"""
