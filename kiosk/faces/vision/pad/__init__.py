"""Presentation attack detection: is it a person who stands there, or a picture of one?

One layer a module, each with `add`, `change_face` and `report` (`sight.PadLayer`); `panel` holds
those of a session. They are combined with AND and fail closed (`kiosk.domain.pad`).
"""
