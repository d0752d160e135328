"""What a program says about its layers: scopes, classes, attributes, data flow, and the way of the flag."""
