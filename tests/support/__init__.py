"""What tests of several folders use; helpers of one folder stand beside its tests."""
