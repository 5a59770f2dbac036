"""Typed results from measurement to report; JSON in and out in one module, ``json_form``."""
