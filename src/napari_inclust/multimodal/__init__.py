"""Tasks beside imputation: generated modalities, translation, integration, label transfer, novel cell types."""
