"""The same devices in aihwkit and here, and updates of either."""
