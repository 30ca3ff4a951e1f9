"""The commands of `migrate`, one small module each; `register(app)` adds a module's commands to the application."""
