"""The laptop's mail: a real SMTP server that keeps every message, and a page where a person reads them.

``mailbox``  messages as ``.eml`` files in a folder
``page``     the mailbox as web pages and JSON
``server``   both servers in one process (``python -m local.smtp``)
"""
