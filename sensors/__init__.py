"""Hears. Bytes, pins and local MQTT in; rules' events out."""
