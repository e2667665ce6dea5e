"""Raw files to NIfTI-MRS and BIDS: conversion, the table of scans, what belongs together, examples."""
