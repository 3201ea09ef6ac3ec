"""Ways in for other frameworks: estimates in their pipelines and converters."""
