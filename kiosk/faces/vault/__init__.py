"""The encrypted store of people: names, numbers, templates, and whose alias is whose.

`keys` unlocks the installation, `envelope` seals single records, `store` keeps them on the disk,
`gallery` holds the templates in RAM, `erase` removes a person and proves it.
Nothing outside the faces process opens the vault, and nothing in it is readable without the key.
"""
